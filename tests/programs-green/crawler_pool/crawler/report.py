def render(crawler):
    lines = ["%s=%d" % item for item in sorted(crawler.stats.items())]
    lines += crawler.errors
    lines.append("pages: " + " ".join(sorted(crawler.seen)))
    lines.append("free: %d" % crawler.pool.free_count())
    return "\n".join(lines) + "\n"
