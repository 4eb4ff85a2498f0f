import ns.first.tool
from ns.second import other
import ns.first.tool as tool_alias

ns.first.tool.work()
other.work()
tool_alias.rest()
