"""Memory across nights: what proposers learnt, held against later screens, and bounded."""

from optimizer.lessons.book import MAX_TEXT_CHARS, MOST, Book, Lesson, Outcome, Status, judge
from optimizer.lessons.shelf import Shelf, read_book, write_book

__all__ = ["MAX_TEXT_CHARS", "MOST", "Book", "Lesson", "Outcome", "Shelf", "Status", "judge", "read_book", "write_book"]
