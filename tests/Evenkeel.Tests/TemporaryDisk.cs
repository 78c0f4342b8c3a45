using System.Diagnostics;

namespace Evenkeel.Tests;

/// <summary>A small file system in memory, for those who may mount one.</summary>
internal sealed class TemporaryDisk(string folder) : IDisposable
{
    public static TemporaryDisk? Mount(string folder, string options) =>
        OperatingSystem.IsLinux() && Run("mount", "-t", "tmpfs", "-o", options, "tmpfs", folder)
            ? new TemporaryDisk(folder)
            : null;

    public void Dispose() => Run("umount", folder);

    private static bool Run(string program, params ReadOnlySpan<string> arguments)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardError = true, UseShellExecute = false };
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        try
        {
            using Process process = Process.Start(start)!;
            process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            // There is no such program.
            return false;
        }
    }
}
