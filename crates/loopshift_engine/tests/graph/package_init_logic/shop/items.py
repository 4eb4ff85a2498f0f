__all__ = ["Apple"]
class Apple:
    def price(self): return self._cost()
    def _cost(self): return 1
