from app.db import query
from lib import other

query()
other()
