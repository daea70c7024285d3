"""A real Kubernetes cluster on one machine, made of programs that Go builds and nothing else.

The modules, from the bottom up:

- `output`, `paths`: what is told to people, and where files are.
- `recipe`, `build`: which programs there are, and how they come into the cache.
- `prerequisites`: what the machine must have, with the command that installs it.
- `process`: programs that outlive the command that started them.
- `pki`, `kube`: certificates, kubeconfigs, and talking to the cluster.
- `control_plane`, `node`: the arguments and files of the components.
- `machine`: bridge, kernel settings, mounts, control groups, and taking all of it away again.
- `volumes`, `adopt`: local volumes; somebody else's cluster.
- `cluster`, `command_line`: up, down and the rest.
"""
