"""Expands the SAM template, as AWS does with it, for an emulator that can't: expand.py TEMPLATE CODE OUT

The code of a function is taken from CODE/<function>. OUT/template.json is the result. The dashboard is left out of its nested
stack: the emulator knows no alarms, and the dashboard names them.
"""

import json
import sys
from pathlib import Path

from cfnlint.decode.cfn_yaml import load
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator


def read(path):
    return json.loads(json.dumps(load(str(path))))


template, code, out = (Path(arg).resolve() for arg in sys.argv[1:])
sam = read(template)
codes = {}
for name, resource in sam["Resources"].items():
    properties = resource["Properties"]
    if resource["Type"] == "AWS::Serverless::Function":
        codes[name] = str(code / Path(properties["CodeUri"]).name)
        properties["CodeUri"] = "s3://of/no/matter"  # the translator takes no path
    elif resource["Type"] == "AWS::CloudFormation::Stack":
        nested = read(template.parent / properties["TemplateURL"])
        del nested["Resources"]["Dashboard"]
        properties["TemplateURL"] = f"{name}.json"
        (out / f"{name}.json").write_text(json.dumps(nested))

expanded = Translator(managed_policy_map={}, sam_parser=Parser()).translate(sam, parameter_values={})
for name, path in codes.items():
    expanded["Resources"][name]["Properties"]["Code"] = path
(out / "template.json").write_text(json.dumps(expanded))
