"""Evidence files: what was signed about a child or a message, proved offline (ADR 0027)."""

from contracts.evidence.comparing import against
from contracts.evidence.findings import WORDS, Code, Finding
from contracts.evidence.form import Evidence, dump, load, looks_like_evidence
from contracts.evidence.reading import read
from contracts.evidence.report import Report

__all__ = [
    "WORDS",
    "Code",
    "Evidence",
    "Finding",
    "Report",
    "against",
    "dump",
    "load",
    "looks_like_evidence",
    "read",
]
