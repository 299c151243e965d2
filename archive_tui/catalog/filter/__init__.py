"""The filter language: what an operator types to narrow a list, as one SQL condition.

`refused type:email:* (age>30d or retried >= 5) -state:retry`

`tokens` cuts the text into pieces with their places, `grammar` builds `conditions` from them, `quantities` reads
numbers, sizes and times, `matching` compares text without regard to case, and `slips` refuses what looks like another
language. Whatever is not understood is refused: under “not”, a term that matches nothing selects every task.
"""
