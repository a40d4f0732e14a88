"""The morning report, written as the run goes and readable at any moment."""

from optimizer.report.writing import write_report

__all__ = ["write_report"]
