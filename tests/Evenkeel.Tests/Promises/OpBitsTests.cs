using System.Reflection;
using Evenkeel.Random;
using Evenkeel.Tests.Lab;
using Xunit;

namespace Evenkeel.Tests.Promises;

/// <summary>
/// The same bits of every output and every gradient, op by op, for any number of threads and at every hardware level:
/// what <c>evenkeel bits</c> prints.
/// </summary>
[Trait("Length", "long")]
public sealed class OpBitsTests
{
    [Fact]
    public void Every_op_has_the_same_bits_for_any_number_of_threads_and_at_every_hardware_level()
    {
        // The emulated levels take longest: they go side by side, and the others next to them.
        (string Name, LabProcess Lab)[] levels = [.. new[]
        {
            "DOTNET_EnableHWIntrinsic", "DOTNET_EnableAVX2", "DOTNET_EnableAVX512",
        }.Select(level => ($"{level}=0", LabProcess.Start(["bits", "--threads", "2"], (level, "0"))))];
        string[] expected = Lines(LabProcess.Start(["bits", "--threads", "1"], environment: default));
        Assert.True(expected.Length > 500);
        Assert.StartsWith("all ", expected[^1], StringComparison.Ordinal);
        // Code that is optimized step by step computes the same, and here it is ready sooner.
        foreach (string threads in new[] { "2", "3", "8" })
        {
            LabProcess lab = LabProcess.Start(["bits", "--threads", threads], ("DOTNET_TieredCompilation", "1"));
            AssertSame(expected, Lines(lab), $"--threads {threads}");
        }

        foreach ((string name, LabProcess lab) in levels) AssertSame(expected, Lines(lab), name);
    }

    [Fact]
    public void Every_op_of_a_tensor_has_a_case()
    {
        string[] notComputed =
        [
            "Clone", "Detach", "To", "Zeros", "Ones", "Full", "Scalar", "From", "Labels", "RandomNormal",
            "RandomUniform",
        ];
        string cases = string.Concat(
            Directory.GetFiles(Path.Combine(Root, "src", "Evenkeel.Cli", "Bits"), "*.cs").Select(File.ReadAllText));
        string[] ops = [.. typeof(Tensor)
            .GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly)
            .Where(method => !method.IsSpecialName && method.ReturnType == typeof(Tensor))
            .Select(method => method.Name)
            .Distinct()
            .Except(notComputed)];
        Assert.Contains("GELU", ops);
        Assert.All(ops, op => Assert.Contains($".{op}(", cases, StringComparison.Ordinal));
    }

    /// <summary>
    /// Neighbouring chunks may read the same columns, for a last pack overlaps the one before it; they must not both
    /// write what is not final. The outliers make the statistics of those columns take a second attempt, so that there
    /// is something not final to see.
    /// </summary>
    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    public void Chunks_that_share_columns_never_disturb_each_other(DType dtype)
    {
        const int rows = 400, columns = 65;
        Tensor x = Tensor.RandomNormal([rows, columns], new Philox(1), dtype),
            dy = Tensor.RandomNormal([rows, columns], new Philox(2), dtype);
        for (int column = 49; column < columns; column++)
        {
            if (dtype == DType.Float32) x.AsSpan<float>()[column] = 1e6f;
            else x.AsSpan<double>()[column] = 1e6;
        }

        Tensor gamma = Tensor.RandomNormal([columns], new Philox(3), dtype),
            beta = Tensor.RandomNormal([columns], new Philox(4), dtype);
        var running = new RunningStatistics(columns, RunningAverage.Torch());
        running.Mean.To(dtype);
        running.Variance.To(dtype);
        var tape = new Tape();
        using IDisposable scope = Compute.UseThreads(Compute.Threads);
        Compute.Threads = 1;
        byte[][] expected = Pass();
        Compute.Threads = 2;
        for (int pass = 0; pass < 4000; pass++)
        {
            byte[][] actual = Pass();
            for (int i = 0; i < expected.Length; i++)
            {
                Assert.True(expected[i].AsSpan().SequenceEqual(actual[i]), $"pass {pass}: "
                    + $"{((string[])["y", "dx", "dgamma", "dbeta", "running_mean", "running_var"])[i]} differs");
            }
        }

        byte[][] Pass()
        {
            tape.Reset();
            running.Reset();
            Tensor input = tape.Input(x, requiresGradient: true), scale = tape.Input(gamma, requiresGradient: true),
                shift = tape.Input(beta, requiresGradient: true);
            Tensor y = input.BatchNorm(scale, shift, running);
            y.Backward(dy);
            return [.. new[]
            {
                y, input.Gradient!, scale.Gradient!, shift.Gradient!, running.Mean.Value, running.Variance.Value,
            }.Select(tensor => tensor.Bytes().ToArray())];
        }
    }

    private static string Root
    {
        get
        {
            var folder = new DirectoryInfo(AppContext.BaseDirectory);
            while (!File.Exists(Path.Combine(folder!.FullName, "Evenkeel.slnx"))) folder = folder.Parent;
            return folder.FullName;
        }
    }

    private static string[] Lines(LabProcess lab)
    {
        using (lab)
        {
            int code = lab.Wait(seconds: 300);
            Assert.True(code == 0, $"expected exit code 0, got {code}: {lab.Error}");
            return lab.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        }
    }

    private static void AssertSame(string[] expected, string[] actual, string where)
    {
        string? differs = expected.Zip(actual)
            .Where(pair => pair.First != pair.Second)
            .Select(pair => $"expected {pair.First}, got {pair.Second}")
            .FirstOrDefault();
        Assert.True(differs is null, $"{where} changes bits, first in: {differs}");
        Assert.Equal(expected.Length, actual.Length);
    }
}
