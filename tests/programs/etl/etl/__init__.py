from .pipeline import Pipeline
from .stages import Loader, Parser, Reader

__all__ = ["Pipeline", "Loader", "Parser", "Reader"]
