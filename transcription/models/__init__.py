"""What Longhand knows, one noun a file: fields, constraints, querysets; nothing here computes or writes."""

from transcription.models.audit import Audit, AuditLine
from transcription.models.beside import BesideTranscript
from transcription.models.budget import Cap, Charge, ChargeState, Overrun, Span, Spending, scope_of
from transcription.models.calibration import CollectionCalibration
from transcription.models.check import Check
from transcription.models.collection import Collection, Membership, Role, roles_from
from transcription.models.deed import Deed, Verb
from transcription.models.displaced import DisplacedText
from transcription.models.document import Document
from transcription.models.export import Export
from transcription.models.failure import Failure
from transcription.models.fixity import FixityEvent, FixityOutcome
from transcription.models.idempotent import IdempotentAnswer
from transcription.models.imported import Alignment, ImportedTranscript
from transcription.models.incoming import IncomingFile, IncomingState, UploadLimit
from transcription.models.job import Inbox, Job, JobState
from transcription.models.layout import Layout, LayoutLine, Line, Production
from transcription.models.manifest import Manifest
from transcription.models.notification import Mail, MailWish, Notification
from transcription.models.original import Beside, KnownFiles, Original, Upload
from transcription.models.page import Page, PageState, Part, Turner
from transcription.models.page_reading import PageReading
from transcription.models.profile import ChosenVersion, PassVersion, Profile, ProfileVersion, StagePass
from transcription.models.promise import Promise
from transcription.models.reading import Reading
from transcription.models.replacement import ReplacedLine, Replacement
from transcription.models.review_pace import ReviewPace
from transcription.models.rollup import CountChange, CountKind, DailyCount, JudgedPage, JudgementMark
from transcription.models.route import RouteDecision
from transcription.models.run import Run
from transcription.models.search import SearchLine, SearchMark, SearchWord
from transcription.models.takedown import Takedown
from transcription.models.text_layer import TextLayer
from transcription.models.token import Scope, Token
from transcription.models.transcript import Source, TranscriptRevision
from transcription.models.trial import Trial
from transcription.models.vocabulary import Term, TermKind, Vocabulary
from transcription.models.vote import Vote
from transcription.models.webhook import Delivery, DeliveryState, Webhook
from transcription.models.work import Lane, Queue, Step, Work, WorkState
from transcription.models.worker import Worker

__all__ = [
    "Alignment",
    "Audit",
    "AuditLine",
    "Beside",
    "BesideTranscript",
    "Cap",
    "Charge",
    "ChargeState",
    "Check",
    "ChosenVersion",
    "Collection",
    "CollectionCalibration",
    "CountChange",
    "CountKind",
    "DailyCount",
    "Deed",
    "Delivery",
    "DeliveryState",
    "DisplacedText",
    "Document",
    "Export",
    "Failure",
    "FixityEvent",
    "FixityOutcome",
    "IdempotentAnswer",
    "ImportedTranscript",
    "Inbox",
    "IncomingFile",
    "IncomingState",
    "Job",
    "JobState",
    "JudgedPage",
    "JudgementMark",
    "KnownFiles",
    "Lane",
    "Layout",
    "LayoutLine",
    "Line",
    "Mail",
    "MailWish",
    "Manifest",
    "Membership",
    "Notification",
    "Original",
    "Overrun",
    "Page",
    "PageReading",
    "PageState",
    "Part",
    "PassVersion",
    "Production",
    "Profile",
    "ProfileVersion",
    "Promise",
    "Queue",
    "Reading",
    "ReplacedLine",
    "Replacement",
    "ReviewPace",
    "Role",
    "RouteDecision",
    "Run",
    "Scope",
    "SearchLine",
    "SearchMark",
    "SearchWord",
    "Source",
    "Span",
    "Spending",
    "StagePass",
    "Step",
    "Takedown",
    "Term",
    "TermKind",
    "TextLayer",
    "Token",
    "TranscriptRevision",
    "Trial",
    "Turner",
    "Upload",
    "UploadLimit",
    "Verb",
    "Vocabulary",
    "Vote",
    "Webhook",
    "Work",
    "WorkState",
    "Worker",
    "roles_from",
    "scope_of",
]
