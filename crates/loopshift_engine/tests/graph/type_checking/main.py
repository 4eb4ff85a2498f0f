from __future__ import annotations
from typing import TYPE_CHECKING
import model

if TYPE_CHECKING:
    from model import Item, Repo

def show(item: Item) -> str:
    return item.title()

def find(repo: "Repo | None" = None, items: "list[Item]" = ()):
    if repo:
        repo.get().title()
    for i in items:
        i.title()

class Holder:
    item: Item
    repo: "model.Repo"

    def use(self):
        self.item.title()
        return self.repo.get()
