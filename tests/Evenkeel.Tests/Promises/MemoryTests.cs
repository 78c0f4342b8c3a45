using System.Globalization;
using Evenkeel.Tests.Lab;
using Xunit;

namespace Evenkeel.Tests.Promises;

/// <summary>Memory of a whole experiment; what a single step may allocate is tested with the trainer.</summary>
public sealed class MemoryTests
{
    private const long LimitBytes = 400L << 20;

    [Fact]
    public void The_deep_net_on_CIFAR10_stays_under_400_MB_with_the_data_loaded()
    {
        string archive = RealData.Require("cifar-10-binary.tar.gz");
        Assert.SkipUnless(OperatingSystem.IsLinux(), "reads the peak from /proc");
        using LabProcess lab = LabProcess.Start(
            ["run", "deep-net", "--json", "--data", Path.GetDirectoryName(archive)!], environment: default);
        long peak = 0;
        while (!lab.Process.WaitForExit(2)) peak = Math.Max(peak, PeakBytes(lab.Process.Id));
        Assert.Equal(0, lab.Wait());
        Assert.InRange(peak, 20L << 20, LimitBytes);
    }

    private static long PeakBytes(int process)
    {
        try
        {
            foreach (string line in File.ReadLines($"/proc/{process}/status"))
            {
                if (line.StartsWith("VmHWM:", StringComparison.Ordinal))
                    return long.Parse(line.AsSpan(6, line.Length - 9).Trim(), CultureInfo.InvariantCulture) * 1024;
            }
        }
        catch (IOException)
        {
            // The process has just ended.
        }

        return 0;
    }
}
