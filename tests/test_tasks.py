"""Work in steps: the fractions, work within work, and work that several ask for."""

from __future__ import annotations

import pytest

from dcgan.tasks import Work, map_in_batches, run_to_end, shared_task, sub_task


def test_batches_say_how_much_is_done_and_give_what_each_became() -> None:
    work = map_in_batches(sum, range(10), 4)
    assert [next(work) for _ in range(3)] == [0.4, 0.8, 1.0]
    assert run_to_end(map_in_batches(sum, range(10), 4)) == [0 + 1 + 2 + 3, 4 + 5 + 6 + 7, 8 + 9]


def test_a_part_takes_its_share_of_the_whole() -> None:
    def whole() -> Work[list[int]]:
        first = yield from sub_task(0, 0.5, map_in_batches(max, range(4), 2))
        second = yield from sub_task(0.5, 1, map_in_batches(max, range(4, 6), 2))
        return first + second

    assert list(whole()) == [0.25, 0.5, 1.0]
    assert run_to_end(whole()) == [1, 3, 5]


def test_who_asks_meanwhile_takes_steps_of_the_same_work_and_stopping_loses_none() -> None:
    taken: list[int] = []

    @shared_task
    def count(to: int) -> Work[int]:
        for number in range(to):
            taken.append(number)
            yield number / to
        return to

    one, other = count(4), count(4)
    assert (next(one), next(other), next(one)) == (0, 0.25, 0.5)
    one.close()
    other.close()
    assert run_to_end(count(4)) == 4
    assert run_to_end(count(4)) == 4
    assert taken == [0, 1, 2, 3]
    assert run_to_end(count(2)) == 2
    assert taken == [0, 1, 2, 3, 0, 1]


def test_what_fails_fails_again_for_the_next_who_asks() -> None:
    @shared_task
    def refuse(why: str) -> Work[None]:
        if why:
            raise ValueError(why)
        yield 1.0

    for _ in range(2):
        with pytest.raises(ValueError, match="no such layer"):
            run_to_end(refuse("no such layer"))
