"""Functions that give the same rows on Spark and on DuckDB, and what to write instead of others.

Every name in `PORTABLE` was run on both engines over nulls, negative and fractional numbers, empty
and non-ASCII text, times before 1970 and a leap day, and gave the same values; so were the remedies.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from streaming_assets.sqlcheck.problems import Problem, nearest, one_of, span_at, span_of_word
from streaming_assets.sqlcheck.query import Query


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ROW_FUNCTIONS = _words(
    """
    abs array array_contains array_join array_max array_min array_size array_sort ascii bit_count bit_length
    cast ceil char_length chr coalesce concat concat_ws contains date date_format date_trunc datediff day dayofmonth
    dayofyear endswith equal_null exp extract filter floor greatest hex hour if ifnull instr last_day least left
    length ln locate log10 log2 lpad ltrim md5 minute mod month named_struct nullif nvl nvl2 position power quarter
    regexp_count regexp_extract regexp_like regexp_replace repeat replace right round rpad rtrim second sha1 sha2
    size slice sort_array split split_part sqrt startswith string struct substr substring transform
    translate trim try_cast try_divide try_element_at unix_date unix_micros weekofyear year
    """
)
"""Functions of one row."""

SET_FUNCTIONS = _words(
    """
    array_agg avg bit_xor bool_and bool_or collect_list collect_set count count_if cume_dist dense_rank explode
    first_value lag last_value lead max median min nth_value ntile percent_rank rank row_number stddev stddev_pop
    stddev_samp sum var_pop var_samp variance
    """
)
"""Aggregate, window and generator functions."""

PORTABLE = ROW_FUNCTIONS | SET_FUNCTIONS

_TIES = "it leaves open which row is taken; use min or max, or row_number() over a unique order in an inner query"
_NOW = "it gives another value in every run, so a recomputed table would differ; use event_time or window_end"
_RANDOM = "it gives another value in every run, so a recomputed table would differ"
_APPROXIMATE = "the engines approximate differently; use count(DISTINCT …) or median(…)"
_CASTS = "use try_cast(… AS …)"
_WEEKDAY = "the engines number the days differently; datediff(t, date_trunc('week', t)) + 1 is 1 for Monday"
_DIFFERENCE = "DuckDB counts boundaries, Spark whole units; use (unix_micros(b) - unix_micros(a)) div 1000000"
_HASH = "the engines hash differently; use sha2(…, 256) or md5(…)"
_CASES = (
    "the engines change letters such as ß and İ differently; keep the text, or use "
    "translate(…, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')"
)
_DAYS = "use cast(d + INTERVAL 1 DAY AS DATE)"
_ZONES = "the engines shift times differently; keep times in UTC and let the dashboard shift them"
_JSON = "the engines treat broken JSON differently; declare the field in the schema, it then comes typed"
_SECONDS = "use unix_micros(t) div 1000000"

REMEDIES = {
    **dict.fromkeys(("first", "last", "any_value", "mode", "max_by", "min_by"), _TIES),
    **dict.fromkeys(
        ("now", "current_timestamp", "current_date", "curdate", "localtimestamp", "sysdate", "current_time"), _NOW
    ),
    **dict.fromkeys(
        ("rand", "random", "randn", "randstr", "uuid", "shuffle", "monotonically_increasing_id", "uniform"), _RANDOM
    ),
    **dict.fromkeys(("input_file_name", "spark_partition_id", "current_user", "session_user", "user"), _RANDOM),
    **dict.fromkeys(
        ("approx_count_distinct", "percentile_approx", "approx_percentile", "percentile", "hll_sketch_agg"),
        _APPROXIMATE,
    ),
    **dict.fromkeys(("percentile_cont", "percentile_disc"), "use median(…)"),
    **dict.fromkeys(("bigint", "int", "double", "float", "boolean", "timestamp", "smallint"), _CASTS),
    **dict.fromkeys(("dayofweek", "weekday", "dayname"), _WEEKDAY),
    **dict.fromkeys(("timestampdiff", "date_diff", "timediff"), _DIFFERENCE),
    **dict.fromkeys(("hash", "xxhash64", "crc32"), _HASH),
    **dict.fromkeys(("lower", "upper", "initcap", "lcase", "ucase"), _CASES),
    **dict.fromkeys(("date_add", "date_sub", "add_months", "dateadd", "timestampadd"), _DAYS),
    **dict.fromkeys(("from_utc_timestamp", "to_utc_timestamp", "convert_timezone"), _ZONES),
    **dict.fromkeys(("get_json_object", "json_tuple", "from_json", "to_json", "parse_json"), _JSON),
    **dict.fromkeys(("unix_timestamp", "to_unix_timestamp", "unix_seconds", "unix_millis"), _SECONDS),
    "to_date": "use cast(… AS DATE), or try_cast for text",
    "date_part": "use extract(… FROM …)",
    "element_at": "Spark stops at a missing item; use try_element_at(…, n), counted from 1",
    "get": "use try_element_at(…, n), counted from 1",
    "array_distinct": "the engines order the items differently; use sort_array(collect_set(…)), or keep the array",
    "substring_index": "use split_part(…, delimiter, n)",
    "isnull": "use … IS NULL",
    "isnotnull": "use … IS NOT NULL",
    "every": "use bool_and(…)",
    "some": "use bool_or(…)",
    "any": "use bool_or(…)",
    "mean": "use avg(…)",
    "std": "use stddev(…)",
    "ceiling": "use ceil(…)",
    "pow": "use power(…)",
    "pmod": "use mod(…)",
    "cardinality": "use size(…)",
    "charindex": "use locate(…)",
    "btrim": "use trim(…)",
    "trunc": "use date_trunc('month', …)",
    "window": "give the table a `window`; window_start and window_end are then columns",
    "listagg": "use array_join(sort_array(collect_list(…)), ',')",
    "string_agg": "use array_join(sort_array(collect_list(…)), ',')",
    "isnan": "event numbers are finite; use nullif(…, 0) where you divide",
}
"""What to write instead of a function that differs, is missing on one engine, or has no fixed result."""

_WORDS_BEFORE_PARENTHESIS = _words(
    """
    all and as between by case distinct div else except exists from having ilike in intersect interval is join
    like not on or over partition rlike select sets then union unnest using values when where with cube
    rollup decimal numeric filter qualify lateral view outer end limit offset group
    """
)

_VALUELESS = (
    exp.CurrentDate,
    exp.CurrentTimestamp,
    exp.CurrentTime,
    exp.CurrentUser,
    exp.Localtime,
    exp.Localtimestamp,
    exp.SessionUser,
)


def function_problems(query: Query) -> Iterator[Problem]:
    """Find functions that are not known to give the same on every engine."""
    named = {alias.name.lower() for alias in query.parsed.find_all(exp.TableAlias) if alias.columns}
    for token, following in pairwise(query.tokens):
        name = token.text.lower()
        if following.token_type != TokenType.L_PAREN or not _is_word(token) or name in named:
            continue
        if name not in PORTABLE and name not in _WORDS_BEFORE_PARENTHESIS:
            yield Problem(f"{name}()", _instead(name), span_at(token))
    for node in query.parsed.find_all(*_VALUELESS):
        if not any(_calls(query, node.sql_name().lower())):
            name = node.sql_name()
            yield Problem(name.lower(), f"another form: {_NOW}", span_of_word(query.tokens, name.upper()))


def _calls(query: Query, name: str) -> Iterator[bool]:
    for token, following in pairwise(query.tokens):
        yield token.text.lower() == name and following.token_type == TokenType.L_PAREN


def _is_word(token: Token) -> bool:
    return (
        token.token_type != TokenType.STRING and token.text.replace("_", "a").isalnum() and not token.text[0].isdigit()
    )


def _instead(name: str) -> str:
    if name in REMEDIES:
        return f"another form: {REMEDIES[name]}"
    # All of them would fill a page, below which nobody finds what else is wrong.
    known = nearest(name, PORTABLE) or one_of(name, PORTABLE)
    return f"a function known to give the same on every engine: {known}"
