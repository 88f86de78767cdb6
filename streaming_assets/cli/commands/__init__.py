"""What the commands do, one file each."""

from streaming_assets.cli.commands.broker import run_broker
from streaming_assets.cli.commands.demo import demo
from streaming_assets.cli.commands.plugins import plugins_check, plugins_list
from streaming_assets.cli.commands.produce import produce
from streaming_assets.cli.commands.refresh import refresh
from streaming_assets.cli.commands.tables import tables
from streaming_assets.cli.commands.up import up
from streaming_assets.cli.commands.verify import verify

__all__ = ["demo", "plugins_check", "plugins_list", "produce", "refresh", "run_broker", "tables", "up", "verify"]
