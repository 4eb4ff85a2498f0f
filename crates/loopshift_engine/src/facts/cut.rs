//! The smallest cut of a graph: where to stop so that the fewest edges are crossed.

use std::collections::VecDeque;

/// What may never be cut.
pub(super) const NEVER: u32 = u32::MAX / 4;

/// A graph whose nodes are to be parted into those that stay and those that go.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// For each node, its edges.
    nodes: Vec<Vec<usize>>,
    /// Each edge with what it still lets through. An edge and its way back stand side by side.
    edges: Vec<(usize, u32)>,
}

impl Graph {
    /// A graph of nodes without edges.
    pub(super) fn new(nodes: usize) -> Self {
        // Behind the nodes stand the side that stays, and the side that goes.
        Graph {
            nodes: vec![Vec::new(); nodes + 2],
            edges: Vec::new(),
        }
    }

    fn stays(&self) -> usize {
        self.nodes.len() - 2
    }

    fn goes(&self) -> usize {
        self.nodes.len() - 1
    }

    /// An edge that costs so much where its ends are on two sides.
    pub(super) fn connect(&mut self, a: usize, b: usize, cost: u32) {
        self.add(a, b, cost, cost);
    }

    /// The node stays.
    pub(super) fn keep(&mut self, node: usize) {
        self.add(self.stays(), node, NEVER, 0);
    }

    /// It costs so much if the node stays.
    pub(super) fn pull(&mut self, node: usize, cost: u32) {
        self.add(node, self.goes(), cost, 0);
    }

    fn add(&mut self, from: usize, to: usize, there: u32, back: u32) {
        for (a, b, cost) in [(from, to, there), (to, from, back)] {
            self.nodes[a].push(self.edges.len());
            self.edges.push((b, cost));
        }
    }

    /// The nodes that stay in the cheapest parting, as few of them as there can be, and its cost. `None` where something
    /// would have to be cut that never may.
    pub(super) fn cut(mut self) -> Option<(Vec<bool>, u32)> {
        let mut cost: u32 = 0;
        loop {
            let ways = self.ways();
            if ways[self.goes()].is_none() {
                let mut stay: Vec<bool> = ways.iter().map(Option::is_some).collect();
                stay.truncate(self.stays());
                return Some((stay, cost));
            }
            let mut way = Vec::new();
            let mut at = self.goes();
            while at != self.stays()
                && let Some(edge) = ways[at]
            {
                way.push(edge);
                at = self.edges[edge ^ 1].0;
            }
            let least = way.iter().map(|edge| self.edges[*edge].1).min()?;
            for edge in way {
                self.edges[edge].1 -= least;
                let back = &mut self.edges[edge ^ 1].1;
                *back = back.saturating_add(least);
            }
            cost = cost.saturating_add(least);
            if cost >= NEVER {
                return None;
            }
        }
    }

    /// The edge by which each node is reached first from the side that stays; that side itself by one that does not exist.
    fn ways(&self) -> Vec<Option<usize>> {
        let mut ways = vec![None; self.nodes.len()];
        let start = self.stays();
        ways[start] = Some(usize::MAX);
        let mut work = VecDeque::from([start]);
        while let Some(node) = work.pop_front() {
            for edge in &self.nodes[node] {
                let (to, left) = self.edges[*edge];
                if left > 0 && ways[to].is_none() {
                    ways[to] = Some(*edge);
                    work.push_back(to);
                }
            }
        }
        ways
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look like chance, and are the same each time.
    struct Chance(u64);

    impl Chance {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).unwrap_or(0) % limit
        }
    }

    #[test]
    fn no_parting_of_small_graphs_is_cheaper_or_keeps_fewer() {
        for seed in 0..500 {
            let mut chance = Chance(seed);
            let count = 1 + chance.below(7);
            let mut graph = Graph::new(count);
            let edges: Vec<(usize, usize, u32)> = (0..chance.below(12))
                .map(|_| {
                    let cost = if chance.below(8) == 0 { NEVER } else { 1 };
                    (chance.below(count), chance.below(count), cost)
                })
                .filter(|(a, b, _)| a != b)
                .collect();
            let keep: Vec<usize> = (0..count).filter(|_| chance.below(4) == 0).collect();
            let pull: Vec<(usize, u32)> = (0..count)
                .map(|node| (node, [0, 1, 2, NEVER][chance.below(4)]))
                .collect();
            for (a, b, cost) in &edges {
                graph.connect(*a, *b, *cost);
            }
            for node in &keep {
                graph.keep(*node);
            }
            for (node, cost) in &pull {
                graph.pull(*node, *cost);
            }
            let cost = |stays: u32| {
                let side = |node: usize| stays >> node & 1 == 1;
                let crossed = edges.iter().filter(|(a, b, _)| side(*a) != side(*b));
                let pulled = pull.iter().filter(|(node, _)| side(*node));
                let costs = crossed.map(|it| it.2).chain(pulled.map(|it| it.1));
                costs.map(u64::from).sum::<u64>()
            };
            let allowed =
                (0..1u32 << count).filter(|stays| keep.iter().all(|it| stays >> it & 1 == 1));
            let best = allowed
                .map(|stays| (cost(stays), stays.count_ones()))
                .min()
                .expect("some parting");
            match graph.cut() {
                None => assert!(best.0 >= u64::from(NEVER), "seed {seed}"),
                Some((stays, found)) => {
                    let bits = (0u32..)
                        .zip(&stays)
                        .map(|(at, it)| u32::from(*it) << at)
                        .sum();
                    assert_eq!(
                        best,
                        (
                            u64::from(found),
                            stays.iter().map(|it| u32::from(*it)).sum()
                        ),
                        "seed {seed}"
                    );
                    assert_eq!(cost(bits), u64::from(found), "seed {seed}");
                }
            }
        }
    }
}
