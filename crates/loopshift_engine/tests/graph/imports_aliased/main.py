import tools.strings as st
from tools import numbers as num
from tools.numbers import double as twice, halve
import tools

def run():
    st.shout("a")
    num.double(2)
    twice(3)
    return halve(4)

run()
tools.greet()
tools.strings.whisper("x")
