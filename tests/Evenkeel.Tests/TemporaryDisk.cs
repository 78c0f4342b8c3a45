namespace Evenkeel.Tests;

/// <summary>A small file system in memory, for those who may mount one.</summary>
internal sealed class TemporaryDisk(string folder) : IDisposable
{
    public static TemporaryDisk? Mount(string folder, string options) =>
        OperatingSystem.IsLinux() && SystemProgram.Run("mount", "-t", "tmpfs", "-o", options, "tmpfs", folder)
            ? new TemporaryDisk(folder)
            : null;

    public void Dispose() => SystemProgram.Run("umount", folder);
}
