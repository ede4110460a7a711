"""A Modbus device made of pymodbus, with one value of every type in every byte order.

  device.py describe            its profile and what must come of it, as JSON
  device.py tcp PORT            serves on 127.0.0.1
  device.py serial PATH BAUD    serves RTU

Values are put into registers by pymodbus (convert_to_registers) or by struct, never by gatehouse. Prints `ready`.
"""

import asyncio
import json
import struct
import sys

from pymodbus import FramerType, ModbusDeviceIdentification  # noqa: F401
from pymodbus.client.mixin import ModbusClientMixin as Mixin
from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext
from pymodbus.server import ModbusSerialServer, ModbusTcpServer

TYPE = Mixin.DATATYPE
UNIT = 7
tables = {"coil": [False] * 64, "discrete": [False] * 64, "input": [0] * 400, "holding": [0] * 400}
points, expect, next_free = [], {}, {"holding": 16, "input": 3}


def swapped(words):
    return [(w & 0xFF) << 8 | w >> 8 for w in words]


def ordered(order, big, little):
    """`big` and `little`: the words in either word order; A is the most significant byte."""
    return {"first": big, "words": little, "bytes": swapped(big), "both": swapped(little)}[order]


NAMES = {
    1: {"first": "AB", "bytes": "BA"},
    2: {"first": "ABCD", "words": "CDAB", "bytes": "BADC", "both": "DCBA"},
    4: {"first": "ABCDEFGH", "words": "GHEFCDAB", "bytes": "BADCFEHG", "both": "HGFEDCBA"},
}


def point(name, table, address, wanted, **settings):
    points.append((name, f"{table}:{address}", settings))
    expect[name] = wanted


def place(table, words):
    """The next free run of registers, with a hole before it now and then."""
    address = next_free[table]
    tables[table][address : address + len(words)] = words
    next_free[table] = address + len(words) + (1 if len(words) == 4 else 0)
    return address


def number(wire, kind, value, table="holding"):
    """A number in every order that its width has."""
    big = Mixin.convert_to_registers(value, kind)
    little = Mixin.convert_to_registers(value, kind, word_order="little")
    for order, word in NAMES[len(big)].items():
        address = place(table, ordered(order, big, little))
        point(f"{wire}_{word.lower()}", table, address, value, type=wire, order=word)


def decimal(registers, value):
    big = [int(digits, 16) for digits in (lambda t: [t[i : i + 4] for i in range(0, len(t), 4)])(f"{value:0{registers * 4}d}")]
    for order, word in NAMES[registers].items():
        address = place("input", ordered(order, big, big[::-1]))
        point(f"bcd{registers * 16}_{word.lower()}", "input", address, value, type=f"bcd{registers * 16}", order=word)


def build():
    number("u16", TYPE.UINT16, 65533)
    number("i16", TYPE.INT16, -12345)
    number("u32", TYPE.UINT32, 4023456789, "input")
    number("i32", TYPE.INT32, -1234567890)
    number("u64", TYPE.UINT64, 9007199254740991, "input")
    number("i64", TYPE.INT64, -9007199254740991)
    number("f32", TYPE.FLOAT32, -1234.56787109375)
    number("f64", TYPE.FLOAT64, 3.141592653589793, "input")
    decimal(1, 9071)
    decimal(2, 98765432)
    decimal(4, 1234567890123456)
    ascii_words = Mixin.convert_to_registers("Pump-07 OK", TYPE.STRING) + [0, 0]
    point("text_ab", "holding", place("holding", ascii_words), "Pump-07 OK", type="ascii:7")
    point("text_ba", "holding", place("holding", swapped(ascii_words)), "Pump-07 OK", type="ascii:7", order="BA")
    eui = list(struct.unpack(">4H", bytes.fromhex("24e124136d0000a1")))
    point("eui", "input", place("input", eui), "24e124136d0000a1", type="hex:4")
    point("ip", "input", place("input", list(struct.unpack(">2H", bytes([10, 0, 8, 21])))), "10.0.8.21", type="ipv4")

    flags = place("holding", Mixin.convert_to_registers([i in (0, 3, 8, 10, 15) for i in range(16)], TYPE.BITS))
    word = tables["holding"][flags]
    for bit in range(16):
        point(f"bit_{bit}", "holding", flags, word >> bit & 1, type=f"bit:{bit}")
    point("bits_8_11", "holding", flags, word >> 8 & 15, type="bits:8-11")
    point("bits_0_2", "holding", flags, word & 7, type="bits:0-2")
    low = place("input", swapped([word]))
    point("bit_ba", "input", low, word >> 8 & 1, type="bit:8", order="BA")
    for table in ("coil", "discrete"):
        for address in (0, 1, 7, 8, 21):
            tables[table][address] = address % 2 == 1
            point(f"{table}_{address}", table, address, address % 2)
    tables["coil"][40] = True
    point("door_inverted", "coil", 40, 0, invert=True)
    tables["discrete"][41] = False
    point("alarm_inverted", "discrete", 41, 1, invert=True)

    mode = place("holding", [3])
    labels = {3: {"zh": "自动", "en": "automatic"}, 0: {"zh": "停", "en": "off"}}
    point("mode", "holding", mode, 3, kind="enumeration", labels=labels)
    point("scaled", "holding", place("holding", Mixin.convert_to_registers(-215, TYPE.INT16)), -21.5 + 40, type="i16",
          scale=0.1, offset=40.0)
    point("factor", "holding", place("holding", Mixin.convert_to_registers(-2, TYPE.INT16)), -2, type="i16")
    point("power", "holding", place("holding", [12345]), 123.45, scale_from={"point": "factor"})
    point("ratio", "holding", place("holding", [40]), 40)
    point("current", "holding", place("holding", [125]), 125 * 40, scale_from={"point": "ratio", "as": "factor"})
    point("unit_code", "holding", place("holding", [1]), 1)
    point("energy", "holding", place("holding", Mixin.convert_to_registers(77, TYPE.UINT32)), 77000, type="u32",
          unit_from={"point": "unit_code", "factors": {0: 1.0, 1: 1000.0}})
    point("signed_trick", "holding", place("holding", [10250]), -250, negative_from=10000)
    point("absent", "holding", place("holding", [0x7FFF]), {"bad": "bad_sentinel"}, sentinel=[32767])
    nan = list(struct.unpack(">2H", struct.pack(">f", float("nan"))))
    point("not_a_number", "holding", place("holding", nan), {"bad": "bad_sentinel"}, type="f32")
    point("broken_wire", "holding", place("holding", [32000]), {"bad": "bad_range"}, valid=[0, 100])
    # Goes from 65,500 over the end to 64 once it is being read: the total must go on.
    counter = place("holding", [65500])
    point("pulses", "holding", counter, 65536 + 64, counter=65536)
    return counter


def toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {toml(v)}" for k, v in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def profile():
    lines = ['[profile]\nid = "meter/every_type"\nrevision = 1\nkind = "meter"', 'name = { zh = "全类型", en = "Every type" }',
             'source = ["pymodbus"]\n[modbus]\nregisters_max = 60\ngap_max = 4']
    for name, read, settings in points:
        lines.append(f'[point.{name}]\nname = {{ zh = "值", en = "value" }}\nread = "{read}"')
        lines += [f"{key} = {toml(value)}" for key, value in settings.items()]
    return "\n".join(lines) + "\n"


async def serve(way, where, baud, counter):
    blocks = {n: ModbusSequentialDataBlock(1, t) for n, t in tables.items()}
    device = ModbusDeviceContext(co=blocks["coil"], di=blocks["discrete"], ir=blocks["input"], hr=blocks["holding"])
    context = ModbusServerContext(devices={UNIT: device})
    asked = asyncio.Event()

    def saw(sending, pdu):
        if not sending:
            asked.set()
        return pdu

    if way == "tcp":
        server = ModbusTcpServer(context, address=("127.0.0.1", int(where)), trace_pdu=saw)
    else:
        server = ModbusSerialServer(context, framer=FramerType.RTU, port=where, baudrate=baud, parity="N", trace_pdu=saw)
    await server.serve_forever(background=True)
    print("ready", flush=True)
    await asked.wait()
    for step in range(1, 6):
        await asyncio.sleep(0.4)
        await server.context.async_setValues(UNIT, 6, counter, [(65500 + 20 * step) % 65536])
    await asyncio.Event().wait()


if __name__ == "__main__":
    at = build()
    if sys.argv[1] == "describe":
        print(json.dumps({"unit": UNIT, "profile": profile(), "expect": expect}, ensure_ascii=False))
    else:
        asyncio.run(serve(sys.argv[1], sys.argv[2], int((sys.argv + ["9600"])[3]), at))
