def render(rows, stats):
    totals = {}
    for row in rows:
        totals[row.name] = totals.get(row.name, 0) + row.count
    lines = [f"{name:<8}{total:>4}" for name, total in sorted(totals.items())]
    lines.append("-" * 12)
    lines.extend(f"{key}={stats[key]}" for key in sorted(stats))
    return "\n".join(lines)
