"""The subcommands of `e2e/cluster`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from . import build, cluster, node, prerequisites, process, volumes
from .control_plane import Options
from .output import Failure, tell
from .paths import Folder, folder_of, folders
from .recipe import CONTROL_PLANE, KUBERNETES_VERSION, NODE, OPTIONAL_PROGRAMS, SIZES, programs_folder

DESCRIPTION = f"""A real, throw-away Kubernetes {KUBERNETES_VERSION} cluster on one Linux machine, without a container
engine. Its programs are built by Go from their published modules, once, into the cache.

sizes:
  control-plane  etcd, kube-apiserver, kube-controller-manager. Needs no root; several run side by side on free
                 ports, under distinct names. Custom resources, CEL, RBAC, tokens, admission, garbage collection:
                 all real. No pod runs.
  node           All of the above and scheduler, containerd, runc, kubelet, CNI bridge, kube-proxy, CoreDNS.
                 Needs root; one for each machine. Pods, native sidecars, Services, DNS, local volumes.

examples:
  export KUBECONFIG=$(e2e/cluster up --size control-plane)
  export KUBECONFIG=$(e2e/cluster up --size node --name pods)
  e2e/cluster load --name pods "$(e2e/images/build client)"
  e2e/cluster kubectl --name pods get pods -A
  e2e/cluster pause --name pods etcd            the disk hangs
  e2e/cluster stop --name pods kube-apiserver   the API server is away
  e2e/cluster start --name pods kube-apiserver
  e2e/cluster down --all

stdout carries only what a script takes: `up` prints the path of the kubeconfig and nothing else there.

the cluster of size 'node':
  - takes images only from `load`; their names begin with `localhost/` and pods say `imagePullPolicy: Never`
  - is sealed: pods reach each other, Services and this machine; names outside of the cluster do not exist
  - has the default StorageClass 'coffer-local' and {volumes.DEFAULT_COUNT} local volumes of 1 GiB, policy Retain
  - forgets its images with `down`: load them after each `up` that starts it
  - names its one node '{node.NODE_NAME}'

environment:
  XDG_CACHE_HOME       built programs and images are in coffer/ below it (~/.cache)
  XDG_STATE_HOME       clusters are in coffer-cluster/NAME below it (~/.local/state)
  KUBEBUILDER_ASSETS   a folder with etcd, kube-apiserver and kubectl to use in the size 'control-plane'
  KUBECONFIG           the cluster to adopt with `up --use-kubeconfig`
"""


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        prog="e2e/cluster", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = result.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add_life(commands)
    add_components(commands)
    add_use(commands)
    add_machine(commands)
    return result


def add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, function: Callable[..., None], text: str,
    named: bool = True,
) -> argparse.ArgumentParser:
    """Every command about one cluster takes its name in the same way."""
    command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    command.set_defaults(function=function)
    if named:
        command.add_argument("--name", default="default", help="which cluster (default: %(default)s)")
    return command


def add_size(command: argparse.ArgumentParser) -> None:
    command.add_argument("--size", choices=list(SIZES), default=CONTROL_PLANE, help="default: %(default)s")


def add_life(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    up = add(commands, "up", run_up, "start a cluster, or find it up, and print its kubeconfig's path")
    add_size(up)
    up.add_argument("--fsync", action="store_true", help="etcd writes to the disk before it answers")
    up.add_argument("--audit", action="store_true", help="the API server logs each request as a line of JSON")
    up.add_argument(
        "--definitions", type=Path, metavar="FOLDER",
        help="apply this kustomization of CustomResourceDefinitions before the controller-manager starts, whose"
        " garbage collector looks for kinds at its start and then every 30 seconds",
    )
    up.add_argument(
        "--api-server-argument", action="append", default=[], metavar="FLAG",
        help="one more flag of kube-apiserver, such as --encryption-provider-config=FILE; may be repeated",
    )
    up.add_argument("--kubeconfig", type=Path, metavar="FILE", help="adopt the throw-away cluster of this file")
    up.add_argument("--use-kubeconfig", action="store_true", help="adopt the cluster that KUBECONFIG names")
    down = add(commands, "down", run_down, "end a cluster and remove everything of it")
    down.add_argument("--all", action="store_true", help="every cluster of this state folder, and a node left over")
    status = add(commands, "status", run_status, "tell how a cluster is, or all of them")
    status.set_defaults(name=None)
    status.add_argument("-o", "--output", choices=["text", "json"], default="text")


def add_components(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    logs = add(commands, "logs", run_logs, "print the log of a component, or the names of all logs")
    logs.add_argument("component", nargs="?")
    logs.add_argument("--follow", action="store_true", help="go on until interrupted")
    faults: tuple[tuple[str, Callable[..., None], str], ...] = (
        ("pause", run_pause, "halt a component (SIGSTOP): it keeps its connections and does not answer"),
        ("resume", run_resume, "let a paused component go on (SIGCONT)"),
        ("stop", run_stop, "end a component; its connections break"),
        ("start", run_start, "start a component again with the same arguments"),
    )
    for name, function, text in faults:
        command = add(commands, name, function, text)
        command.add_argument("component", help="such as etcd or kube-apiserver")
        if name == "stop":
            command.add_argument(
                "--grace-seconds", type=float, default=0.0, metavar="SECONDS",
                help="ask first (SIGTERM), and kill after this time (default: kill at once)",
            )


def add_use(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    load = add(commands, "load", run_load, "give the node an image that e2e/images/build made")
    load.add_argument("image", type=Path, metavar="IMAGE.tar")
    local = add(commands, "volumes", run_volumes, "offer released local volumes again, empty, and make missing ones")
    local.add_argument("--count", type=int, default=volumes.DEFAULT_COUNT, help="how many (default: %(default)s)")
    kubectl = add(commands, "kubectl", run_kubectl, "run the built kubectl against a cluster; --name comes first")
    kubectl.usage = "e2e/cluster kubectl [--name NAME] ARGUMENT..."


def add_machine(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    builder = add(commands, "build", run_build, "build the programs of a size and print their folder", named=False)
    add_size(builder)
    builder.add_argument("--with", dest="extra", action="append", default=[], choices=OPTIONAL_PROGRAMS)
    builder.add_argument("--remove-other-versions", action="store_true", help="delete what earlier versions built")
    needed = add(commands, "prerequisites", run_prerequisites, "tell what this machine lacks", named=False)
    needed.add_argument("--size", choices=list(SIZES), default=NODE, help="default: %(default)s")
    needed.add_argument("--install", action="store_true", help="install it with apt-get, as root")


def run_up(arguments: argparse.Namespace) -> None:
    folder = folder_of(arguments.name)
    if kubeconfig := adopted_kubeconfig(arguments):
        build.build_kubectl()
        print(cluster.take_over(folder, kubeconfig))
        return
    extra = tuple(arguments.api_server_argument)
    definitions = str(arguments.definitions.resolve()) if arguments.definitions else ""
    print(cluster.up(folder, Options(arguments.size, arguments.fsync, arguments.audit, definitions, extra)))


def adopted_kubeconfig(arguments: argparse.Namespace) -> Path | None:
    if arguments.use_kubeconfig and not os.environ.get("KUBECONFIG"):
        raise Failure("--use-kubeconfig takes the file that KUBECONFIG names, and KUBECONFIG is not set")
    path = Path(os.environ["KUBECONFIG"]) if arguments.use_kubeconfig else arguments.kubeconfig
    return path.resolve() if path else None


def run_down(arguments: argparse.Namespace) -> None:
    if arguments.all:
        cluster.down_all()
    else:
        cluster.down(folder_of(arguments.name))


def run_status(arguments: argparse.Namespace) -> None:
    chosen = [folder_of(arguments.name)] if arguments.name else folders()
    told = [cluster.status(folder) for folder in chosen]
    if arguments.output == "json":
        print(json.dumps(told[0] if arguments.name else told, indent=2))
        return
    for one in told:
        print(f"{one['name']}: {'up' if one['up'] else 'not up'}, size {one['size']}, {one['kubeconfig']}")
        for name, component in one["components"].items():
            print(f"  {name:24} {component['state']:8} {component['pid'] or ''}")
    if not told:
        tell("there is no cluster")


def run_logs(arguments: argparse.Namespace) -> None:
    folder = cluster.own(folder_of(arguments.name))
    if not arguments.component:
        for name in process.names(folder):
            print(folder.log(name))
        return
    process.known(folder, arguments.component)
    follow = ["--follow=name"] if arguments.follow else []
    subprocess.run(["tail", "--lines=+1", *follow, str(folder.log(arguments.component))], check=False)


def run_pause(arguments: argparse.Namespace) -> None:
    process.send(cluster.own(folder_of(arguments.name)), arguments.component, signal.SIGSTOP)


def run_resume(arguments: argparse.Namespace) -> None:
    process.send(cluster.own(folder_of(arguments.name)), arguments.component, signal.SIGCONT)


def run_stop(arguments: argparse.Namespace) -> None:
    process.stop(cluster.own(folder_of(arguments.name)), arguments.component, arguments.grace_seconds)


def run_start(arguments: argparse.Namespace) -> None:
    """Comes back when the API server answers again, if it is what everybody waits for."""
    folder = cluster.own(folder_of(arguments.name))
    process.start_again(folder, arguments.component)
    if all(process.state(folder, name) == "running" for name in ("etcd", "kube-apiserver")):
        cluster.wait_for_api(folder)


def run_load(arguments: argparse.Namespace) -> None:
    node.load(own_node(arguments), arguments.image.resolve())


def run_volumes(arguments: argparse.Namespace) -> None:
    volumes.ensure(own_node(arguments), arguments.count)


def own_node(arguments: argparse.Namespace) -> Folder:
    """Images and local volumes are of a node; kind has its own way for the first."""
    folder = folder_of(arguments.name)
    told = cluster.status(folder)
    if told["adopted"]:
        raise Failure("this is somebody else's cluster; with kind, run: kind load image-archive IMAGE.tar")
    if told["size"] != NODE:
        raise Failure(f"'{folder.name}' has no node; run: e2e/cluster up --size node --name {folder.name}")
    return folder


def run_kubectl(arguments: argparse.Namespace) -> None:
    kubeconfig = cluster.kubeconfig_of(folder_of(arguments.name))
    kubectl = str(build.program("kubectl"))
    os.execve(kubectl, [kubectl, *arguments.foreign], {**os.environ, "KUBECONFIG": str(kubeconfig)})


def run_build(arguments: argparse.Namespace) -> None:
    build.build(arguments.size, arguments.extra)
    if arguments.remove_other_versions:
        for path in build.remove_other_versions():
            tell(f"removed {path}")
    print(programs_folder())


def run_prerequisites(arguments: argparse.Namespace) -> None:
    prerequisites.check(arguments.size, arguments.install)


def split_foreign(given: Sequence[str]) -> tuple[list[str], list[str]]:
    """What follows `kubectl` and the name is kubectl's, also where it looks like an option of ours."""
    if not given or given[0] != "kubectl" or given[1:2] in (["-h"], ["--help"]):
        return list(given), []
    own_count = 1
    if given[1:2] == ["--name"]:
        own_count = 3
    elif given[1:] and given[1].startswith("--name="):
        own_count = 2
    return list(given[:own_count]), list(given[own_count:])


def main(given: Sequence[str] | None = None) -> int:
    own, foreign = split_foreign(sys.argv[1:] if given is None else given)
    arguments = parser().parse_args(own)
    arguments.foreign = foreign
    try:
        arguments.function(arguments)
    except Failure as failure:
        tell(f"error: {failure}")
        return 1
    except KeyboardInterrupt:
        tell("interrupted")
        return 130
    except BrokenPipeError:
        return 1
    return 0
