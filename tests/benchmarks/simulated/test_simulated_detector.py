from __future__ import annotations

import pytest

from benchmarks.simulated._look_tool import TOOL_DESCRIPTIONS
from benchmarks.simulated._words import CONTRADICTING, IDLE_ADVICE, REWORDED, flood
from benchmarks.simulated.catalogue import SLIPS
from benchmarks.simulated.detector import ToolText, read_request, sentences
from benchmarks.simulated.profile import chances, profile
from task_agent.orchestration.default_prompts import VERIFIER_PROMPT

SAYINGS = [(slip.id, text, True) for slip in SLIPS.values() for text in slip.guidance]
HELD_OUT = [(slip.id, text, True) for slip in SLIPS.values() for text in slip.held_out]
HARMFUL = [(slip.id, text, False) for slip in SLIPS.values() for text in slip.harmful]


def _said(text: str) -> set[tuple[str, bool]]:
    return {(finding.slip, finding.helps) for finding in read_request(text, ()).findings}


@pytest.mark.parametrize(("slip", "text", "helps"), [*SAYINGS, *HELD_OUT, *HARMFUL])
def test_each_saying_is_read_as_what_it_means_and_nothing_else(slip, text, helps):
    assert _said(text) == {(slip, helps)}


NEGATED = [
    ("header_offset", "Never check the header of a table, the first line is fine."),
    ("header_offset", "It is a waste of time to look for the row with the column names."),
    ("number_format", "Don't bother to strip thousands separators from amounts."),
    ("no_final_check", "Do not check your work at the end."),
    ("no_final_check", "Checking the output before you finish is not needed."),
    ("duplicate_keys", "You can join files without checking for duplicate keys."),
    ("encoding", "Skip detecting the encoding."),
    ("stops_early", "Finish as soon as something was written."),
    ("time_zone", "Rather than converting to UTC, compare the raw strings."),
]


@pytest.mark.parametrize(("slip", "text"), NEGATED)
def test_a_negated_remedy_is_none(slip, text):
    assert (slip, True) not in _said(text)


TWICE_NEGATED = [
    ("header_offset", "Don't forget to look for the real header row."),
    ("no_final_check", "Never skip checking the result before you finish."),
    ("no_final_check", "Do not finish until you have checked the output."),
    ("stops_early", "Don't stop before each part of the task was done."),
    ("header_offset", "Not only check the header row, but also the rows above it."),
    ("number_format", "Do not add up amounts without stripping thousands separators."),
]


@pytest.mark.parametrize(("slip", "text"), TWICE_NEGATED)
def test_two_negations_keep_the_meaning(slip, text):
    assert (slip, True) in _said(text)


OWN_WORDS = [
    ("header_offset", "Spreadsheet exports often carry a banner; identify which line has the field names."),
    ("number_format", "Convert figures with a decimal comma, or with currency signs in brackets, to plain values."),
    ("wrong_path", "Double-check that the answer is saved at the location the instruction specifies."),
    ("no_final_check", "When finished, cat the result file and compare it to the request."),
    ("stops_early", "Re-read the task and make sure each requirement is covered."),
    ("duplicate_keys", "Drop repeated rows when merging customer lists."),
    ("encoding", "Look out for Latin-1: examine which charset a file uses."),
    ("truncated_output", "If a listing is truncated, read the rest of the file."),
    ("time_zone", "Normalise log times to UTC."),
    ("rounding", "Apply rounding only to the final totals."),
    ("quoting", "Use a CSV library instead of splitting at commas."),
    ("missing_values", "Decide what blank cells mean; do not count them as 0."),
    ("sort_order", "Check that rows are sorted by the requested key."),
    ("destructive_edit", "Do not modify the original files."),
    ("nested_structure", "Flatten nested JSON objects to the deepest level."),
    ("date_format", "Work out whether dates are day-first."),
]


@pytest.mark.parametrize(("slip", "text"), OWN_WORDS)
def test_remedies_in_other_words_are_recognised(slip, text):
    assert (slip, True) in _said(text)


@pytest.mark.parametrize("text", [*(text for _, text in IDLE_ADVICE), REWORDED, flood(9000), CONTRADICTING])
def test_idle_words_are_no_remedy(text):
    assert _said(text) == set()


def test_the_seed_prompt_says_nothing_and_the_default_verifier_little():
    assert (
        _said("You solve tasks on a Linux machine with the bash tool. Work in the given directory. When done, say so.")
        == set()
    )
    assert {slip for slip, _ in _said(VERIFIER_PROMPT)} <= {"stops_early", "no_final_check"}


@pytest.mark.parametrize(("slip", "text"), TOOL_DESCRIPTIONS.items())
def test_a_tools_description_tells_what_it_is_good_for(slip, text):
    reading = read_request("", [ToolText("show", text)])
    assert [(f.slip, f.helps, f.tool) for f in reading.findings] == [(slip, True, "show")]
    assert reading.tools_for([slip]) == ["show"]


def test_text_costs_more_and_more_beyond_the_free_part():
    costs = [read_request(flood(size), ()).cost for size in (500, 1_500, 4_000, 16_000, 64_000)]
    assert costs[0] == costs[1] == 0.0
    assert 0.0 < costs[2] < costs[3] < costs[4] < 1.0


def test_opposing_instructions_cost():
    assert read_request(CONTRADICTING, ()).cost > 0.0
    both = f"{SLIPS['header_offset'].guidance[0]}\n{SLIPS['header_offset'].harmful[0]}"
    assert read_request(both, ()).contradictions == 1


def test_lines_of_a_paragraph_are_read_together_and_bullets_apart():
    text = "Look for the\nheader row.\n\n- check the\n- totals"
    assert list(sentences(text)) == ["Look for the header row", "check the", "totals"]


def _chances(suite, task_id: str, text: str) -> tuple[float, ...]:
    return chances(read_request(text, ()), profile(suite.task(task_id)), frozenset())


def test_an_answer_in_the_prompt_helps_on_that_task_alone(suite):
    one, other = suite.tasks[0], suite.tasks[1]
    text = f"The result is {one.metadata['answer_keys'][0]}"
    assert max(_chances(suite, one.id, text)) < 0.2
    assert _chances(suite, other.id, text) == _chances(suite, other.id, "")


def test_advice_about_a_file_concerns_tasks_with_that_file_alone(suite):
    task = next(t for t in suite.tasks if "header_offset" in profile(t).slips and t.environment.files)
    name = min(task.environment.files).rpartition("/")[2]
    text = f"In {name} look for the header row."
    others = [t for t in suite.tasks if name not in profile(t).names]
    assert _chances(suite, task.id, text) != _chances(suite, task.id, "")
    assert all(_chances(suite, t.id, text) == _chances(suite, t.id, "") for t in others)


def test_harmful_guidance_raises_its_slip(suite):
    task = next(t for t in suite.tasks if "no_final_check" in profile(t).slips)
    place = profile(task).slips.index("no_final_check")
    assert (
        _chances(suite, task.id, SLIPS["no_final_check"].harmful[0])[place] > _chances(suite, task.id, "")[place] + 0.01
    )


def test_a_reading_of_nothing_is_empty():
    reading = read_request("", ())
    assert (reading.findings, reading.contradictions, reading.cost) == ((), 0, 0.0)
