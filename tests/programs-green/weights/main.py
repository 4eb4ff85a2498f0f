# moves: fully
import gevent


def weigh(word):
    gevent.sleep(0.001)
    return len(word)


def is_long(word):
    gevent.sleep(0)
    return len(word) > 2


WORDS = ["ccc", "a", "bb", "dddd"]


def main():
    print(list(map(weigh, WORDS)))
    print(sum(map(weigh, WORDS)))
    for n in map(weigh, WORDS):
        print("for", n)
    print(list(filter(is_long, WORDS)))
    print(sorted(WORDS, key=weigh), sorted(WORDS, key=weigh, reverse=True))
    print(max(WORDS, key=weigh), min(WORDS, key=lambda w: -weigh(w)))
    words = list(WORDS)
    words.sort(key=weigh)
    print(words)
    print(", ".join(str(weigh(w)) for w in WORDS))
    print(dict((w, weigh(w)) for w in WORDS), {w: weigh(w) for w in WORDS})
    print(set(weigh(w) for w in WORDS), list(weigh(w) for w in WORDS if is_long(w)))
    print(all(is_long(w) for w in WORDS), any(map(is_long, WORDS)))
    print(list(map(lambda w: weigh(w) * 2, WORDS)))
    a, *rest = (weigh(w) for w in WORDS)
    print(a, rest)
    print(*map(weigh, WORDS))


if __name__ == "__main__":
    main()
