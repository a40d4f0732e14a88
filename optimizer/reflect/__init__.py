"""Ask of every change whether it would still be worth having if the train tasks vanished: a scan, then a judge."""

from optimizer.reflect.corpus import LeakCorpus
from optimizer.reflect.judge import REPORT_REFLECTION, Judgement, judge
from optimizer.reflect.panel import advocate, decisive, referee
from optimizer.reflect.reflection import Ask, Reflection, reflect
from optimizer.reflect.scan import Leak, scan

__all__ = [
    "REPORT_REFLECTION",
    "Ask",
    "Judgement",
    "Leak",
    "LeakCorpus",
    "Reflection",
    "advocate",
    "decisive",
    "judge",
    "referee",
    "reflect",
    "scan",
]
