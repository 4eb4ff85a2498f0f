from .core import CrawlError, Crawler, Page
from .web import FakeWeb

__all__ = ["CrawlError", "Crawler", "FakeWeb", "Page"]
