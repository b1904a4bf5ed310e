"""One source becomes the student's and the solved notebook: no leak, stable ids, links that hold."""

import pytest

from qlab.lessons.build import check, differences, place, text_of, touched
from qlab.lessons.source import BuildError, Lesson, fingerprint, lessons, notebook, solve, stub

SOURCE = """# %% [markdown]
# # 00 · Toy
#
# [next](01_grids.ipynb) [page](../README.md) ![picture](figures/a.png) [web](https://example.org) [here](#x)

# %% tags=["parameters"]
# written by qlab build

# %% tags=["setup"]
import qlab.lessons as lab
P = lab.parameters("00", globals())

# %% tags=["exercise"]
def secret(w):
    ### BEGIN SOLUTION
    hidden = 1 if w >= 0 else -1
    return hidden
    ### END SOLUTION

# %% tags=["claims"]
1 + 1

# %% tags=["check"]
lab.check("00.1", secret)

# %% tags=["demo"]
x = 1

# %% tags=["demo"]
x = 1

# %% [markdown] tags=["solution"]
# because
"""


@pytest.fixture
def lesson(tmp_path, monkeypatch):
    folder = tmp_path / "notebooks" / "src"
    folder.mkdir(parents=True)
    (folder / "00_toy.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    return Lesson("00", "00_toy", tmp_path)


def sources(book):
    return "\n".join(cell.source for cell in book.cells)


def test_the_student_gets_stubs_and_the_teacher_the_solution(lesson):
    student, solved = notebook(lesson, False), notebook(lesson, True)
    assert "hidden" not in sources(student)
    assert "because" not in sources(student)
    assert "    return ...  # your answer" in sources(student)
    assert "return hidden" in sources(solved)
    assert "SOLUTION" not in sources(student) + sources(solved)


def test_the_parameters_cell_comes_from_the_schema(lesson):
    cell = next(c for c in notebook(lesson, False).cells if "parameters" in c.metadata.get("tags", []))
    assert cell.source.startswith("# Parameters of lesson 00")
    lesson.source.write_text(SOURCE.replace("# written by qlab build", "SEED: int = 0"))
    with pytest.raises(BuildError, match=r"qlab/schema/lessons/"):
        notebook(lesson, False)


def test_kept_cells_are_compared_and_all_others_ignored(lesson):
    for solved in (True, False):
        for cell in notebook(lesson, solved).cells:
            tags = set(cell.metadata.get("tags", []))
            if cell.cell_type == "code":
                compared = bool(tags & ({"check", "predict", "claims"} if solved else {"check", "predict"}))
                assert ("nbval-check-output" in tags, "nbval-ignore-output" in tags) == (compared, not compared)


def test_ids_are_unique_reproducible_and_survive_an_insertion(lesson):
    before = notebook(lesson, True)
    assert text_of(before) == text_of(notebook(lesson, True))
    ids = [cell.id for cell in before.cells]
    assert len(set(ids)) == len(ids)
    lesson.source.write_text(SOURCE.replace('# %% tags=["setup"]', '# %% [markdown]\n# new\n\n# %% tags=["setup"]'))
    after = [cell.id for cell in notebook(lesson, True).cells]
    assert [i for i in after if i in ids] == ids


def test_links_of_the_solved_notebook_are_one_folder_down(lesson):
    first = notebook(lesson, True).cells[0].source
    for link in ("(01_grids.ipynb)", "(../../README.md)", "(../figures/a.png)", "(https://example.org)", "(#x)"):
        assert link in first


def test_nothing_of_the_machine_is_in_a_notebook(lesson):
    book = notebook(lesson, False)
    text = text_of(book)
    assert all(isinstance(cell.source, str) for cell in book.cells)
    assert '"execution_count": null' in text
    assert "widgets" not in text
    assert '"version"' not in text


@pytest.mark.parametrize(
    ("region", "stubbed"),
    [
        ("### BEGIN SOLUTION\na = 1\nb = a + 1\n### END SOLUTION", "a = ...  # your answer\nb = ...  # your answer"),
        (
            "def f(x):\n    if x:\n        ### BEGIN SOLUTION\n        return 1\n        ### END SOLUTION",
            "def f(x):\n    if x:\n        return ...  # your answer",
        ),
        ("x = 1", "x = 1"),
    ],
)
def test_stubs(region, stubbed):
    assert stub(region) == stubbed
    assert "SOLUTION" not in solve(region)


@pytest.mark.parametrize(
    "wrong",
    [
        "### BEGIN SOLUTION\nx = 1",
        "### END SOLUTION",
        "### BEGIN SOLUTION\n### BEGIN SOLUTION\nx = 1\n### END SOLUTION",
        "### BEGIN SOLUTION\n### END SOLUTION",
        "### BEGIN SOLUTION\nprint(1)\n### END SOLUTION",
    ],
)
def test_a_damaged_region_is_refused(wrong):
    with pytest.raises(BuildError, match="cell 3"):
        stub(wrong, "cell 3")


def test_unknown_tags_lessons_and_cells_are_refused(lesson):
    lesson.source.write_text(SOURCE.replace('tags=["check"]', 'tags=["chek"]'))
    with pytest.raises(BuildError, match="chek"):
        notebook(lesson, False)
    with pytest.raises(BuildError, match="00_toy"):
        lessons("77")


def test_a_notebook_is_replaced_only_while_it_is_as_generated(lesson):
    path = lesson.notebook(False)
    book = notebook(lesson, False)
    assert "written" in place(lesson, False, book)
    assert "unchanged" in place(lesson, False, book)
    lesson.source.write_text(SOURCE.replace("x = 1", "x = 2"))
    assert "written" in place(lesson, False, notebook(lesson, False))
    assert "x = 2" in path.read_text()

    mine = path.read_text().replace("# your answer", "# my own answer")
    path.write_text(mine)
    assert touched(path)
    lesson.source.write_text(SOURCE.replace("x = 1", "x = 3"))
    said = place(lesson, False, notebook(lesson, False))
    assert "new-00_toy.ipynb" in said
    assert path.read_text() == mine
    assert "x = 3" in path.with_name("new-00_toy.ipynb").read_text()


def test_a_notebook_that_was_only_run_is_replaced(lesson):
    import json

    path = lesson.notebook(False)
    place(lesson, False, notebook(lesson, False))
    book = json.loads(path.read_text())
    for cell in book["cells"]:
        if cell["cell_type"] == "code":
            cell["execution_count"] = 3
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["hello"]}]
    path.write_text(json.dumps(book))
    assert not touched(path)
    assert "written" in place(lesson, False, notebook(lesson, False))


@pytest.mark.parametrize("content", ["", "not json", "{}", '{"cells": []}'])
def test_a_file_that_is_no_generated_notebook_is_left_alone(lesson, content):
    path = lesson.notebook(False)
    path.write_text(content)
    assert touched(path)
    place(lesson, False, notebook(lesson, False))
    assert path.read_text() == content


def test_the_check_sees_every_kind_of_difference(lesson):
    assert any("missing" in line for line in check())
    for solved in (False, True):
        book = notebook(lesson, solved)
        for cell in book.cells:
            if {"check", "claims"} & set(cell.metadata.get("tags", [])):
                cell.outputs = [{"output_type": "display_data", "data": {"text/plain": "00.1 ok"}, "metadata": {}}]
        place(lesson, solved, book)
    assert check() == []
    path = lesson.notebook(True)
    good = path.read_text()
    for old, new in [
        ("return hidden", "return 1"),
        ('"demo"', '"proof"'),
        ('"id": "00-', '"id": "01-'),
        ('"lesson": "00"', '"lesson": "99"'),
        ("00.1 ok", None),
    ]:
        damaged = good.replace(old, new) if new else good
        if new is None:
            import json

            book = json.loads(good)
            for cell in book["cells"]:
                if cell["cell_type"] == "code":
                    cell["outputs"] = []
            damaged = json.dumps(book)
        assert damaged != good
        path.write_text(damaged)
        assert differences(lesson, True), old
    path.write_text(good)
    assert check() == []


def test_the_fingerprint_reads_text_and_lists_alike():
    one = {"cells": [{"cell_type": "code", "source": "a\nb"}]}
    two = {"cells": [{"cell_type": "code", "source": ["a\n", "b"]}]}
    assert fingerprint(one) == fingerprint(two)
    assert fingerprint(one) != fingerprint({"cells": [{"cell_type": "markdown", "source": "a\nb"}]})
