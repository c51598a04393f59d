"""What Longhand knows, one noun a file: fields, constraints, querysets; nothing here computes or writes."""

from transcription.models.audit import Audit, AuditLine
from transcription.models.beside import BesideTranscript
from transcription.models.budget import Cap, Charge, ChargeState, Overrun, Span, Spending, scope_of
from transcription.models.calibration import CollectionCalibration
from transcription.models.check import Check
from transcription.models.collection import Collection, Membership, Role
from transcription.models.displaced import DisplacedText
from transcription.models.document import Document
from transcription.models.export import Export
from transcription.models.failure import Failure
from transcription.models.idempotent import IdempotentAnswer
from transcription.models.imported import Alignment, ImportedTranscript
from transcription.models.job import Inbox, Job, JobState
from transcription.models.layout import Layout, LayoutLine, Line, Production
from transcription.models.manifest import Manifest
from transcription.models.original import Beside, Original, Upload
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
    "Delivery",
    "DeliveryState",
    "DisplacedText",
    "Document",
    "Export",
    "Failure",
    "IdempotentAnswer",
    "ImportedTranscript",
    "Inbox",
    "Job",
    "JobState",
    "JudgedPage",
    "JudgementMark",
    "Lane",
    "Layout",
    "LayoutLine",
    "Line",
    "Manifest",
    "Membership",
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
    "Term",
    "TermKind",
    "TextLayer",
    "Token",
    "TranscriptRevision",
    "Trial",
    "Turner",
    "Upload",
    "Vocabulary",
    "Vote",
    "Webhook",
    "Work",
    "WorkState",
    "Worker",
    "scope_of",
]
