namespace Evenkeel.Tests.Mpi;

/// <summary>
/// Two network namespaces of Linux with a cable between them: two machines as far as TCP is concerned. This needs root
/// and the programs <c>ip</c> and <c>unshare</c>.
/// </summary>
internal sealed class NetworkSpaces : IDisposable
{
    private readonly string _name = $"ek{Environment.ProcessId % 10_000}";

    private NetworkSpaces()
    {
    }

    /// <summary>Makes them; null if the machine does not allow it.</summary>
    public static NetworkSpaces? Create()
    {
        var spaces = new NetworkSpaces();
        if (spaces.Build()) return spaces;
        spaces.Dispose();
        return null;
    }

    /// <summary>The command that runs Open MPI with a process in each.</summary>
    /// <param name="folder">A folder for the program that stands for ssh.</param>
    public IEnumerable<string> Launch(string folder)
    {
        string agent = Path.Combine(folder, "agent");
        string inside = $"exec ip netns exec {_name}$n unshare -u bash -c \"hostname {_name}$n; $*\"";
        File.WriteAllText(
            agent, $"#!/bin/bash\nwhile [[ $1 == -* ]]; do shift; done\nn=${{1##*.}}\nshift\n{inside}\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(agent, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        return
        [
            "netns", "exec", $"{_name}1", "unshare", "-u", "bash", "-c", $"hostname {_name}1; exec \"$@\"", "bash",
            "mpirun.openmpi", "--host", "10.77.0.1:1,10.77.0.2:1", "-n", "2", "--mca", "plm_rsh_agent", agent,
            "--mca", "btl", "self,tcp", "--mca", "btl_tcp_if_include", "eth0", "--mca", "oob_tcp_if_include", "eth0",
            "--bind-to", "none",
        ];
    }

    public void Dispose()
    {
        Run("netns", "del", $"{_name}1");
        Run("netns", "del", $"{_name}2");
    }

    private bool Build() =>
        Run("netns", "add", $"{_name}1") && Run("netns", "add", $"{_name}2")
        && Run("link", "add", "eth0", "netns", $"{_name}1", "type", "veth", "peer", "name", "eth0", "netns",
            $"{_name}2")
        && Equip(1) && Equip(2);

    private bool Equip(int number)
    {
        string space = $"{_name}{number}";
        return Run("-n", space, "addr", "add", $"10.77.0.{number}/24", "dev", "eth0")
            && Run("-n", space, "link", "set", "eth0", "up") && Run("-n", space, "link", "set", "lo", "up");
    }

    private static bool Run(params ReadOnlySpan<string> arguments) =>
        OperatingSystem.IsLinux() && SystemProgram.Run("ip", arguments);
}
