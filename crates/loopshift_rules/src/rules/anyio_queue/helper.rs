//! Queues that streams can't take the place of: those that count their work, keep another order, or can't be taken apart.
//!
//! They become a small class beside the code, with the methods and the behaviour of asyncio's, on any backend.

use loopshift_engine::change::Change;
use loopshift_engine::objects::Cluster;
use loopshift_python::edit::{Edit, Helper, Piece};

use super::{Named, References, places};
use crate::common::objects::moving::{Form, plan_family};
use crate::common::objects::{Family, Obstacle, decline, method};
use crate::context::Context;

/// The text of a helper: with `$start`, `$put` and `$count` for one that counts its work.
macro_rules! queue {
    ($name:literal, $doc:literal, $items:literal, $store:literal, $take:literal, $start:expr, $put:expr, $count:expr) => {
        Helper {
            name: $name,
            source: concat!(
                "class {name}:\n    \"\"\"",
                $doc,
                "\"\"\"\n\n    def __init__(self, maxsize=0):\n        self.maxsize = maxsize\n        self._items = ",
                $items,
                "\n        self._getters = {@collections:deque}()\n",
                "        self._putters = {@collections:deque}()\n",
                $start,
                "\n    def __class_getitem__(cls, item):\n        return cls\n\n",
                "    def qsize(self):\n        return len(self._items)\n\n",
                "    def empty(self):\n        return not self._items\n\n",
                "    def full(self):\n        return 0 < self.maxsize <= len(self._items)\n\n",
                "    async def put(self, item):\n        while self.full():\n            await self._turn(self._putters, self.full)\n",
                "        self.put_nowait(item)\n\n",
                "    def put_nowait(self, item):\n        if self.full():\n            raise {@anyio}.WouldBlock\n        ",
                $store,
                "\n",
                $put,
                "        self._wake(self._getters)\n\n",
                "    async def get(self):\n        while self.empty():\n            await self._turn(self._getters, self.empty)\n",
                "        return self.get_nowait()\n\n",
                "    def get_nowait(self):\n        if self.empty():\n            raise {@anyio}.WouldBlock\n        item = ",
                $take,
                "\n        self._wake(self._putters)\n        return item\n\n",
                $count,
                "    async def _turn(self, waiting, blocked):\n        turn = {@anyio}.Event()\n        waiting.append(turn)\n",
                "        try:\n            await turn.wait()\n",
                "            await {@anyio.lowlevel}.checkpoint_if_cancelled()  # as soon as it is told to stop\n",
                "        except BaseException:\n            if turn in waiting:\n",
                "                waiting.remove(turn)\n            elif not blocked():\n",
                "                self._wake(waiting)  # the turn goes to the next\n            raise\n\n",
                "    def _wake(self, waiting):\n        if waiting:\n            waiting.popleft().set()\n",
            ),
        }
    };
    ($name:literal, $doc:literal, $items:literal, $store:literal, $take:literal) => {
        queue!($name, $doc, $items, $store, $take, "", "", "")
    };
    ($name:literal, $doc:literal, $items:literal, $store:literal, $take:literal, counted) => {
        queue!(
            $name,
            $doc,
            $items,
            $store,
            $take,
            "        self._unfinished = 0\n        self._finished = None\n",
            "        if not self._unfinished:\n            self._finished = {@anyio}.Event()\n        self._unfinished += 1\n",
            concat!(
                "    def task_done(self):\n        if not self._unfinished:\n",
                "            raise ValueError(\"task_done() called too many times\")\n",
                "        self._unfinished -= 1\n        if not self._unfinished:\n            self._finished.set()\n\n",
                "    async def join(self):\n        if self._unfinished:\n            await self._finished.wait()\n\n",
            )
        )
    };
}

static PLAIN: Helper = queue!(
    "MemoryQueue",
    "A queue between tasks.",
    "{@collections:deque}()",
    "self._items.append(item)",
    "self._items.popleft()"
);

static JOINABLE: Helper = queue!(
    "JoinableQueue",
    "A queue that knows when all of its items have been worked on.",
    "{@collections:deque}()",
    "self._items.append(item)",
    "self._items.popleft()",
    counted
);

static PRIORITY: Helper = queue!(
    "PriorityQueue",
    "A queue that gives its smallest item first.",
    "[]",
    "{@heapq}.heappush(self._items, item)",
    "{@heapq}.heappop(self._items)"
);

static COUNTED_PRIORITY: Helper = queue!(
    "JoinablePriorityQueue",
    "A queue that gives its smallest item first, and knows when all have been worked on.",
    "[]",
    "{@heapq}.heappush(self._items, item)",
    "{@heapq}.heappop(self._items)",
    counted
);

static LIFO: Helper = queue!(
    "LifoQueue",
    "A queue that gives its newest item first.",
    "[]",
    "self._items.append(item)",
    "self._items.pop()"
);

static COUNTED_LIFO: Helper = queue!(
    "JoinableLifoQueue",
    "A queue that gives its newest item first, and knows when all have been worked on.",
    "[]",
    "self._items.append(item)",
    "self._items.pop()",
    counted
);

const MEMBERS: &[&str] = &[
    "put",
    "put_nowait",
    "get",
    "get_nowait",
    "qsize",
    "empty",
    "full",
    "maxsize",
    "task_done",
    "join",
];

/// Whether somebody waits until its items have been worked on.
pub(super) fn is_joined(cluster: &Cluster) -> bool {
    cluster
        .members
        .iter()
        .any(|member| matches!(method(member), "join" | "task_done"))
}

/// The first member that the helpers do not have.
fn unknown_member(cluster: &Cluster) -> Option<Obstacle> {
    cluster
        .members
        .iter()
        .find(|member| !MEMBERS.contains(&method(member)))
        .map(|member| {
            Obstacle::new(
                member.place,
                format!("`{}` is used, which has no counterpart", method(member)),
            )
        })
}

/// A queue that stays one object.
pub(super) fn whole(cx: &Context<'_>, cluster: &Cluster, references: &References<'_>) -> Change {
    let (place, covers) = places(cluster, references);
    let obstacle = references
        .obstacle
        .clone()
        .or_else(|| unknown_member(cluster));
    if let Some(obstacle) = obstacle {
        return decline(cx, super::RULE, "asyncio.Queue", place, covers, &obstacle);
    }
    let helper = if is_joined(cluster) {
        &JOINABLE
    } else {
        &PLAIN
    };
    let mut change = Change::new(
        super::RULE,
        place,
        "asyncio.Queue",
        "`asyncio.Queue` becomes a small class of the module",
    );
    change.covers = covers;
    let sites = references.sites.iter().map(|(place, _)| *place);
    let annotated = references.annotated.iter().map(|(it, _)| *it);
    for place in sites.chain(annotated) {
        change.edits.push((
            place.file,
            Edit::Replace {
                range: place.range,
                pieces: vec![Piece::Helper(helper)],
            },
        ));
    }
    change
}

/// Queues with another order: their families, with the numbers of the changes of their clusters. `named`: where the class is
/// named from which theirs derive.
pub(super) fn ordered(
    cx: &Context<'_>,
    named: &Named,
    changes: &mut Vec<Change>,
) -> Vec<(Family, Vec<usize>)> {
    let kinds = [
        ("asyncio.PriorityQueue", &PRIORITY, &COUNTED_PRIORITY),
        ("asyncio.LifoQueue", &LIFO, &COUNTED_LIFO),
    ];
    let class = |kind: usize, cluster: &Cluster| {
        let (_, plain, counted) = kinds[kind];
        Piece::Helper(if is_joined(cluster) { counted } else { plain })
    };
    let mut out = Vec::new();
    for (kind, (ty, _, _)) in kinds.iter().enumerate() {
        let family = Family::new(cx, ty);
        let numbers =
            plan_family(
                cx,
                changes,
                super::RULE,
                &family,
                |moving, _| match unknown_member(moving.cluster).or(named.as_value.clone()) {
                    Some(obstacle) => Err(obstacle),
                    None => Ok(Form {
                        class: vec![class(kind, moving.cluster)],
                        factory: None,
                    }),
                },
            );
        out.push((family, numbers));
    }
    for (place, node) in &named.annotations {
        let mut meant = Vec::new();
        for (kind, (family, numbers)) in out.iter().enumerate() {
            let clusters = family.of(cx, *node).into_iter();
            meant.extend(clusters.map(|it| (class(kind, &family.clusters[it]), numbers[it])));
        }
        let [(class, number)] = &meant[..] else {
            changes.push(Change::declined(
                super::RULE,
                *place,
                "asyncio.Queue",
                "it is not known which queues this annotation speaks of",
            ));
            continue;
        };
        let change = &mut changes[*number];
        change.covers.push(*place);
        if change.declined.is_none() {
            let range = place.range;
            let pieces = vec![class.clone()];
            (change.edits).push((place.file, Edit::Replace { range, pieces }));
        }
    }
    out
}
