using System.Text.Json;
using Evenkeel.Tests.Lab;
using Evenkeel.Tests.Workbench;
using Xunit;

namespace Evenkeel.Tests.Promises;

/// <summary>
/// The same bits for any number of threads and at every hardware level: whole trainings in processes of their own,
/// compared by the hash of all weights and statistics.
/// </summary>
[Trait("Length", "long")]
public sealed class BitsTests
{
    /// <summary>
    /// Without hardware FMA a step is emulated, some hundred times slower: those runs are short,
    /// and the two go side by side.
    /// </summary>
    private static readonly string[] s_emulated = ["DOTNET_EnableAVX2", "DOTNET_EnableHWIntrinsic"];

    [Theory]
    [InlineData("float32")]
    [InlineData("float64")]
    public void A_training_has_the_same_weights_for_any_number_of_threads_and_without_AVX512(string dtype)
    {
        string[] run = ["run", "deep-net", "--json", "--epochs", "3", "--dtype", dtype];
        string expected = Hash([.. run, "--threads", "1"]);
        string[] counts = ["2", "3", "8"];
        foreach (string threads in counts) Assert.Equal(expected, Hash([.. run, "--threads", threads]));
        Assert.Equal(expected, Hash([.. run, "--threads", "2"], ("DOTNET_EnableAVX512", "0")));
    }

    [Fact]
    public void Gradients_in_float64_are_the_same_without_AVX2_and_without_any_intrinsics()
    {
        string[] run = ["run", "fcn-gradient", "--json", "--quick", "--epochs", "1"];
        using LabProcess noAvx2 = LabProcess.Start(run, (s_emulated[0], "0"));
        using LabProcess none = LabProcess.Start(run, (s_emulated[1], "0"));
        string expected = Hash(run);
        Assert.Equal(expected, HashOf(noAvx2));
        Assert.Equal(expected, HashOf(none));
    }

    /// <summary>The networks and the batches of deep-net, on a tenth of its images.</summary>
    [Theory]
    [InlineData("batch")]
    [InlineData("none")]
    public void A_short_training_in_float32_has_the_same_weights_without_AVX2_and_without_any_intrinsics(string norm)
    {
        using var folder = new CommandFolder();
        DrawnData.Pets(folder.PathOf("photos"), perClass: 62, seed: 3);
        using LabProcess noAvx2 = Start("no-avx2", (s_emulated[0], "0"));
        using LabProcess none = Start("none", (s_emulated[1], "0"));
        using LabProcess plain = Start("plain", default);
        string expected = HashOf(plain, "plain");
        Assert.Equal(64, expected.Length);
        Assert.Equal(expected, HashOf(noAvx2, "no-avx2"));
        Assert.Equal(expected, HashOf(none, "none"));

        LabProcess Start(string name, (string Name, string Value) level) => LabProcess.StartIn(folder.Path,
            ["train", "--data", "photos", "--size", "32x32", "--model", "mlp:100,100,100,100,100", "--norm", norm,
                "--batch-size", "50", "--epochs", "1", "--name", name], level);

        string HashOf(LabProcess lab, string name)
        {
            int code = lab.Wait(seconds: 300);
            Assert.True(code == 0, $"{name}: expected exit code 0, got {code}: {lab.Error}");
            return (string)folder.RunJson(name)["weightsHash"]!;
        }
    }

    private static string Hash(string[] arguments, (string Name, string Value) environment = default)
    {
        using LabProcess lab = LabProcess.Start(arguments, environment);
        return HashOf(lab);
    }

    private static string HashOf(LabProcess lab)
    {
        Assert.Equal(0, lab.Wait(seconds: 300));
        using JsonDocument result = JsonDocument.Parse(lab.Output);
        string hash = result.RootElement.GetProperty("weightsHash").GetString()!;
        Assert.Equal(64, hash.Length);
        return hash;
    }
}
