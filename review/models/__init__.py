"""What people decide about pages, one noun a file."""

from review.models.approval import Approval
from review.models.claim import Claim
from review.models.comment import Comment, Thread
from review.models.decision import WordDecision
from review.models.page_review import PageReturn, PageReview, Skip, Stage

__all__ = [
    "Approval",
    "Claim",
    "Comment",
    "PageReturn",
    "PageReview",
    "Skip",
    "Stage",
    "Thread",
    "WordDecision",
]
