using System.Text;
using Evenkeel.Nn;
using Evenkeel.Serialization;
using Xunit;

namespace Evenkeel.Tests.Serialization;

/// <summary>
/// Files whose keys are not quite the model's: more of them, of other types, or with something in front of each.
/// </summary>
public sealed class ForeignKeysTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Written(TensorArchive archive)
    {
        string path = _folder.File("x.safetensors");
        SafeTensors.Write(path, archive);
        return path;
    }

    private static TensorArchive Weights(string prefix = "")
    {
        var archive = new TensorArchive();
        archive.Add(prefix, new Linear(2, 3).StateDict());
        return archive;
    }

    [Fact]
    public void A_strict_load_refuses_bytes_that_the_model_has_no_key_for()
    {
        TensorArchive archive = Weights();
        archive.Add("mask", new byte[6], "U8", [2, 3]);
        string path = Written(archive);
        string message = Assert.Throws<ArgumentException>(() => new Linear(2, 3).Load(path)).Message;
        Assert.Contains("mask: unexpected, got U8 of shape (2, 3)", message, StringComparison.Ordinal);
        LoadReport report = new Linear(2, 3).Load(path, strict: false);
        Assert.False(report.IsComplete);
        Assert.Equal(["mask"], report.KeysWith(LoadStatus.Unexpected));

        // Who takes it away says that it is not needed.
        StateDict state = SafeTensors.Read(path).StateDict();
        Assert.True(state.Remove("mask"));
        Assert.True(new Linear(2, 3).LoadStateDict(state).IsComplete);
    }

    [Fact]
    public void A_key_that_the_model_needs_is_named_with_its_type_if_no_tensor_holds_it()
    {
        TensorArchive archive = new();
        archive.Add("weight", Tensor.Ones([3, 2]));
        archive.Add("bias", new byte[12], "I32", [3]);
        string path = Written(archive);
        string message = Assert.Throws<ArgumentException>(() => new Linear(2, 3).Load(path)).Message;
        Assert.Contains("bias: expected numbers that a tensor holds, of shape (3), got I32 of shape (3)", message,
            StringComparison.Ordinal);
        Assert.Equal(["bias"], new Linear(2, 3).Load(path, strict: false).KeysWith(LoadStatus.TypeMismatch));
    }

    [Theory]
    [InlineData("module.")]
    [InlineData("model.")]
    [InlineData("module._orig_mod.")]
    public void A_prefix_before_all_keys_is_named_and_can_be_taken_off(string prefix)
    {
        TensorArchive archive = Weights(prefix);
        string path = Written(archive);
        var layer = new Linear(2, 3);
        string message = Assert.Throws<ArgumentException>(() => layer.Load(path)).Message;
        Assert.Contains($"pass prefix: \"{prefix}\" to take it off", message, StringComparison.Ordinal);
        Assert.DoesNotContain("strict: false", message, StringComparison.Ordinal);
        Assert.Contains($"0 of 2 keys loaded", layer.Load(path, strict: false).ToString(), StringComparison.Ordinal);
        Assert.Contains($"pass prefix: \"{prefix}\"", layer.Load(path, strict: false).ToString(),
            StringComparison.Ordinal);
        Assert.True(layer.Load(path, prefix: prefix).IsComplete);
        Assert.Equal(archive.Tensor(prefix + "weight").ToArray<float>(), layer.Weight.Value.ToArray<float>());
        Assert.True(new Linear(2, 3).LoadStateDict(SafeTensors.Read(path).StateDict(), prefix: prefix).IsComplete);
    }

    [Fact]
    public void A_file_of_a_part_of_the_model_says_which_part()
    {
        string message = Assert.Throws<ArgumentException>(() =>
            new Sequential { { "net", new Linear(2, 3) } }.Load(Written(Weights()))).Message;
        Assert.Contains("The unexpected keys are the model's without \"net.\" before them", message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_of_which_nothing_fits_is_not_advised_to_be_loaded_in_part()
    {
        string path = Written(Weights());
        string message = Assert.Throws<ArgumentException>(() => new BatchNorm1d(7).Load(path)).Message;
        Assert.Contains("strict: false would load nothing", message, StringComparison.Ordinal);
        Assert.Contains("pass strict: false to load what fits",
            Assert.Throws<ArgumentException>(() => new Linear(2, 3, bias: false).Load(path)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Only_the_keys_under_the_prefix_are_looked_at()
    {
        TensorArchive archive = Weights("model.");
        archive.Add("optimizer.step", Tensor.From([3L], [1]));
        archive.Add("model.mask", new byte[1], "BOOL", [1]);
        string message = Assert.Throws<ArgumentException>(() =>
            new Linear(2, 3).Load(Written(archive), prefix: "model.")).Message;
        Assert.Contains("mask: unexpected, got BOOL of shape (1)", message, StringComparison.Ordinal);
        Assert.DoesNotContain("optimizer", message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_bytes_of_a_file_keep_the_name_of_a_key_in_errors()
    {
        TensorArchive archive = new();
        archive.Add("flags", Encoding.ASCII.GetBytes("ab"), "I16", [1]);
        string path = Written(archive);
        string message = Assert.Throws<InvalidDataException>(() => SafeTensors.Read(path).Tensor("flags")).Message;
        Assert.Contains(path, message, StringComparison.Ordinal);
        Assert.Contains("I16 of shape (1)", message, StringComparison.Ordinal);
    }
}
