"""Plugins, by name."""
from . import base, impl
from .base import ORDER, Plugin


def names():
    return sorted(base.REGISTRY)


def load(name) -> Plugin:
    return base.REGISTRY[name]()
