"""Writes what Python and JavaScript must compute alike: `python -m tests.vectors.make`

latent.json: z's and edits of texts; page.json: what the page does with them, see page.py. Every
section is a list of cases. z's agree within 1e-12, steps between pictures within 0.001, all else
exactly.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import numpy as np

from dcgan.config import Prior
from dcgan.latents.operations import evaluate_latent, layer_gains, philox_words
from dcgan.latents.spec import parse
from dcgan.latents.spec_fields import DecimalField
from tests.vectors import page

FILE = Path(__file__).with_name("latent.json")
PAGE = FILE.with_name("page.json")
HEAD = "v1:faces@0123abcd:"
LAYER_SHAPES = [(4, 2, 2), (3, 3, 5), (2, 4, 4)]
DIRECTIONS = {
    "smile": [0.5, -0.25, 0.125, 1.0, -1.0, 0.75, 0.0],
    "z": [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, -2.0],
}

STREAMS = [
    {"seed": 0, "index": 0, "stream": 0},
    {"seed": 0, "index": 0, "stream": 1},
    {"seed": 0, "index": 1, "stream": 0},
    {"seed": 1, "index": 0, "stream": 0},
    {"seed": 2**53 - 1, "index": 2**32 - 1, "stream": 0},
]

NUMBERS = [
    0, -0.0, 1, -1, 0.5, 0.1 + 0.2, 1 / 3, -2 / 3, 1e-6, -1e-7, 4.9e-7, 5e-7, 99.9999999,
    0.0078125, -0.0078125, 0.0234375, 64.0000005, 100,
]  # fmt: skip

LATENTS = [
    "z(0,0)",
    "z(7,3)",
    "z(9007199254740991,4294967295)",
    "at(AAABAP__AIAAEP9_AQg)",
    "lerp(0.5,at(AAABAP__AIAAEP9_AQg),z(1,1))",
    "mean(z(1,0),z(1,1),z(1,2))",
    "sum(1,z(1,0),-1,z(1,1),0.5,z(1,2))",
    "lerp(0.25,z(1,0),z(1,1))",
    "slerp(0.25,z(1,0),z(1,1))",
    "slerp(1,z(1,0),z(1,1))",
    "slerp(0.25,z(1,0),scale(-2,z(1,0)))",
    "slerp(0.25,scale(0,z(1,0)),z(1,1))",
    "noise(0.25,5,6,z(1,0))",
    "move(smile,1.5,z(1,0))",
    "move(smile,1.5,z,-0.75,z(1,0))",
    "turn(0.5,z(1,0),mean(z(1,1),z(1,2)),z(1,3))",
    "scale(-1.25,z(1,0))",
    "noise(0.1,0,1,move(z,2,turn(-1,z(0,0),z(0,1),slerp(0.5,mean(z(2,0),z(2,1)),z(2,2)))))",
]

EDITS = [
    "gain(1,0,0.2-3)",
    "gain(2,2.5,1,qqo)",
    "gain(2,2,0-1):gain(2,2,1-2):gain(3,0.5,1)",
    "gain(3,0,0,8AA):gain(3,1.5,0-1)",
    "gain(2,1.1,0-1):gain(2,0.3,1,qqo)",
    "gain(1,3,0):gain(1,3,0):gain(1,0.25,0)",
]

DEEP = "scale(1," * 7 + "z(1,0)" + ")" * 7
BROAD = "mean(" + ",".join(["z(1,0)"] * 16) + ")"
FORGIVEN = [
    ("z(1,0)", "z(1,0)"),
    (" z ( 01 ,\n0 ) ", "z(1,0)"),
    ("scale(-0,z(1,0))", "scale(0,z(1,0))"),
    ("scale(-007.250000000,z(1,0))", "scale(-7.25,z(1,0))"),
    ("scale(100.0,z(1,0))", "scale(100,z(1,0))"),
    ("scale(0.000001,z(1,0))", "scale(0.000001,z(1,0))"),
    ("move(z,1,z(1,0))", "move(z,1,z(1,0))"),
    ("z(1,0):gain(3,0.50,9.7.8.5-5.1-2.2)", "z(1,0):gain(3,0.5,1-2.5.7-9)"),
    ("z(1,0):gain(1,0,0.2.4)", "z(1,0):gain(1,0,0.2.4)"),
    ("z(1,0):gain(1,0,0,-_9)", "z(1,0):gain(1,0,0,-_8)"),
    ("z(1,0):class(7):gain(1,3.0,4095)", "z(1,0):gain(1,3,4095):class(7)"),
    ("z(-0,00)", "z(0,0)"),
    ("at(AIB)", "at(AIA)"),
    ("at(" + "A" * 2731 + ")", "at(" + "A" * 2731 + ")"),
    ("z(9007199254740991,4294967295)", "z(9007199254740991,4294967295)"),
    ("move(constructor,1,z(1,0))", "move(constructor,1,z(1,0))"),
    ("z(1,0):gain(1,0,0," + "A" * 2731 + ")", "z(1,0):gain(1,0,0," + "A" * 2731 + ")"),
    (DEEP, DEEP),
    (f"mean({BROAD},{BROAD},{BROAD},{BROAD})", f"mean({BROAD},{BROAD},{BROAD},{BROAD})"),
]

INVALID = [
    ("", "at character 1: expected 'v1', found the end"),
    ("v2:faces@0123abcd:z(1,0)", "at character 1: expected 'v1', found 'v2'"),
    ("v1:faces:z(1,0)", "at character 9: expected '@', found ':'"),
    ("v1:@0123abcd:z(1,0)", "at character 4: expected the model's name"),
    ("v1:Faces@0123abcd:z(1,0)", "picture's model must be one or two names"),
    ("v1:a/b/c@0123abcd:z(1,0)", "picture's model must be one or two names"),
    ("v1:faces@0123abc:z(1,0)", "picture's weights must be 8 hexadecimal digits"),
    ("v1:faces@0123ABCD:z(1,0)", "picture's weights must be 8 hexadecimal digits"),
    (HEAD, "at character 19: expected z(...) or at(...) or mean(...)"),
    (HEAD + "gain(1,0,0)", "at character 19: expected z(...)"),
    (HEAD + "median(z(1,0),z(1,1))", "found 'median'"),
    (HEAD + "constructor(z(1,0))", "turn(...) or scale(...), found 'constructor'"),
    (HEAD + "a" * 40, "found 'aaaaaaaaaaaa...aaaaaaaaaaaaa'"),
    (HEAD + "z(1,0)\u00a0", "at character 25: expected ':' or the end of the text, found"),
    (HEAD + "z", "at character 20: expected '(', found the end of the text"),
    (HEAD + "z(1,0", "expected ',' or ')', found the end of the text"),
    (HEAD + "z()", "at character 21: expected a value, found ')'"),
    (HEAD + "z(1;0)", "at character 22: expected ',' or ')', found ';'"),
    (HEAD + "z(1,0)z(1,1)", "expected ':' or the end of the text, found 'z'"),
    (HEAD + "z(1,0):", "expected gain(...) or class(...), found the end"),
    (HEAD + "z(1,0):z(1,1)", "expected gain(...) or class(...), found 'z'"),
    (HEAD + "z(1)", "at character 19: expected the values of z(seed,index), found 1"),
    (HEAD + "z(1,2,3)", "expected the values of z(seed,index), found 3"),
    (HEAD + "z(1.0,0)", "z's seed must be a whole number from 0 to 9007199254740991, not '1.0'"),
    (HEAD + "z(9007199254740992,0)", "z's seed must be a whole number"),
    (HEAD + "z(-1,0)", "z's seed must be a whole number"),
    (HEAD + "z(1,4294967296)", "z's index must be a whole number from 0 to 4294967295"),
    (HEAD + "z(nan,0)", "z's seed must be a whole number"),
    (HEAD + "z(0x1,0)", "z's seed must be a whole number"),
    (HEAD + "z(z(1,0),0)", "at character 19: z's seed must be a whole number"),
    (HEAD + "z(\u0661,0)", "at character 21: expected a value"),
    (HEAD + "at()", "at character 22: expected a value, found ')'"),
    (HEAD + "at(AAAB)", "at's values must be 1 to 1024 numbers from -8 to 8, as text in base64url"),
    (HEAD + "at(A)", "at's values must be 1 to 1024 numbers"),
    (HEAD + "at(AA.A)", "at's values must be 1 to 1024 numbers"),
    (HEAD + "at(" + "A" * 2734 + ")", "at's values must be 1 to 1024 numbers"),
    (HEAD + "at(AAA,AAA)", "at character 19: expected the values of at(values), found 2"),
    (HEAD + "mean(z(1,0))", "mean's zs must be 2 to 16 z's, not 1"),
    (HEAD + "mean(" + ",".join(["z(1,0)"] * 17) + ")", "mean's zs must be 2 to 16 z's, not 17"),
    (HEAD + "mean(z(1,0),1)", "item 2 of mean's zs must be a z such as z(1,0), not '1'"),
    (HEAD + "sum(1,z(1,0),1)", "item 2 of sum's terms must be a weight and a z"),
    (HEAD + "sum(1)", "item 1 of sum's terms must be a weight and a z"),
    (HEAD + "sum(z(1,0),1)", "item 1 of sum's terms must be a number from -100 to 100"),
    (HEAD + "lerp(1.000001,z(1,0),z(1,1))", "lerp's t must be a number from 0 to 1"),
    (HEAD + "slerp(-0.1,z(1,0),z(1,1))", "slerp's t must be a number from 0 to 1"),
    (HEAD + "slerp(0.5,z(1,0),2)", "slerp's end must be a z"),
    (HEAD + "noise(-1,0,0,z(1,0))", "noise's amplitude must be a number from 0 to 10"),
    (HEAD + "scale(1e1,z(1,0))", "scale's factor must be a number from -100 to 100"),
    (HEAD + "scale(+1,z(1,0))", "at character 25: expected a value, found '+'"),
    (HEAD + "scale(-,z(1,0))", "scale's factor must be a number"),
    (HEAD + "scale(1.,z(1,0))", "scale's factor must be a number"),
    (HEAD + "scale(1,scale(2,z(1)))", "at character 35: expected the values of z(seed,index)"),
    (HEAD + "scale(100.0000001,z(1,0))", "with at most 6 decimals, not '100.0000001'"),
    (HEAD + "scale(0.0000001,z(1,0))", "with at most 6 decimals, not '0.0000001'"),
    (HEAD + "scale(inf,z(1,0))", "scale's factor must be a number"),
    (HEAD + "scale(.5,z(1,0))", "scale's factor must be a number"),
    (HEAD + "scale(100.000001,z(1,0))", "scale's factor must be a number from -100 to 100"),
    (HEAD + "move(z(1,0))", "move's steps must be 1 to 16 steps, not 0"),
    (HEAD + "move(1)", "move's steps must be 1 to 16 steps, not 0"),
    (HEAD + "move(smile,z(1,0),z(1,0))", "item 1 of move's steps must be a number from -100"),
    (HEAD + "move(smile,z(1,0))", "item 1 of move's steps must be a direction and an amount"),
    (HEAD + "move(Smile,1,z(1,0))", "item 1 of move's steps must be a name"),
    (HEAD + "turn(1,z(1,0),z(1,1))", "expected the values of turn(amount,start,end,z), found 3"),
    (HEAD + f"scale(1,{DEEP})", "a z may be nested 8 deep at most"),
    (HEAD + f"mean({BROAD},{BROAD},{BROAD},{BROAD},z(1,0))", "made of more than 64 draws"),
    (HEAD + "z(1,0):gain(0,0,0)", "gain's layer must be a whole number from 1"),
    (HEAD + "z(1,0):gain(1,3.1,0)", "gain's gain must be a number from 0 to 3"),
    (HEAD + "z(1,0):gain(1,0)", "expected the values of gain(layer,gain,maps,mask), found 2"),
    (HEAD + "z(1,0):gain(1,0,5-3)", "gain's maps must be feature maps from 0 to 4095"),
    (HEAD + "z(1,0):gain(1,0,0-4096)", "gain's maps must be feature maps from 0 to 4095"),
    (HEAD + "z(1,0):gain(1,0,1..2)", "gain's maps must be feature maps"),
    (HEAD + "z(1,0):gain(1,0,0,a)", "gain's mask must be 1 to 2048 bytes, as text in base64url"),
    (HEAD + "z(1,0):gain(1,0,0,a.b)", "gain's mask must be 1 to 2048 bytes"),
    (HEAD + "z(1,0):gain(1,0,0," + "A" * 2732 + ")", "gain's mask must be 1 to 2048 bytes"),
    (HEAD + "z(1,0):gain(1,0,z(1,0))", "gain's maps must be feature maps from 0 to 4095"),
    (HEAD + "z(1,0):toString(1)", "expected gain(...) or class(...), found 'toString'"),
    (HEAD + "z(1,0)" + ":gain(1,0,0)" * 33, "picture's gains must be 0 to 32 gains, not 33"),
    (HEAD + "z(1,0):class(10000)", "class's label must be a whole number from 0 to 9999"),
    (HEAD + "z(1,0):class(1):class(1)", "a picture has one class(...) at most, not 2"),
    (HEAD + "z(1,0)" + " " * 4096, "a string of at most 4096 characters"),
]


def vectors() -> dict[str, list[dict[str, Any]]]:
    priors = get_args(Prior)
    amount = DecimalField(-100, 100)
    return {
        "words": [_words(**stream) for stream in STREAMS],
        "latents": [_latent(text, prior) for text in LATENTS for prior in priors],
        "directions": [{"name": name, "z": z} for name, z in DIRECTIONS.items()],
        "gains": [_gains(text) for text in EDITS],
        "numbers": [{"number": n, "text": amount.write(amount.check("it", n))} for n in NUMBERS],
        "canonical": [{"text": HEAD + a, "canonical": HEAD + b} for a, b in FORGIVEN],
        "invalid": [{"text": text, "says": says} for text, says in INVALID],
    }


def _words(seed: int, index: int, stream: int) -> dict[str, Any]:
    found = [f"{word:016x}" for word in philox_words(seed, index, 6, stream)]
    return {"seed": seed, "index": index, "stream": stream, "words": found}


def _latent(text: str, prior: Prior) -> dict[str, Any]:
    directions = {name: np.array(z) for name, z in DIRECTIONS.items()}
    z = evaluate_latent(parse(HEAD + text).z, len(DIRECTIONS["z"]), prior, directions)
    return {"text": HEAD + text, "prior": prior, "z": z.tolist()}


def _gains(text: str) -> dict[str, Any]:
    found = layer_gains(parse(f"{HEAD}z(1,0):{text}").gains, LAYER_SHAPES)
    return {
        "text": f"{HEAD}z(1,0):{text}",
        "layer_shapes": LAYER_SHAPES,
        "gains": [
            {"layer": layer, "shape": factor.shape, "factors": factor.ravel().tolist()}
            for layer, factor in found.items()
        ],
    }


def main() -> None:
    for file, sections in ((FILE, vectors()), (PAGE, page.vectors())):
        lines = (
            f'"{name}": [\n' + ",\n".join(map(json.dumps, cases)) + "\n]"
            for name, cases in sections.items()
        )
        file.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
