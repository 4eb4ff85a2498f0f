import hashlib
import threading


class Summary:
    def __init__(self):
        self._rows = {}
        self._lock = threading.Lock()

    def add(self, name, digest, size):
        with self._lock:
            self._rows[name] = (digest, size)

    def render(self):
        rows = [f"{name} {digest} {size}" for name, (digest, size) in sorted(self._rows.items())]
        rows.append(f"total {sum(size for _, size in self._rows.values())}")
        return "\n".join(rows)


def digest(path, *, algorithm="md5"):
    data = path.read_bytes()
    return hashlib.new(algorithm, data).hexdigest(), len(data)
