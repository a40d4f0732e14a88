"""The report as one HTML page: no network, no template engine, charts drawn by our own code."""

from optimizer.report.html.page import mark, page

__all__ = ["mark", "page"]
