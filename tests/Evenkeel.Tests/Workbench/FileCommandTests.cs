using System.Text.Json.Nodes;
using Evenkeel.Nn;
using Evenkeel.Serialization;
using Xunit;

namespace Evenkeel.Tests.Workbench;

/// <summary><c>evenkeel inspect FILE</c> and <c>evenkeel convert IN OUT</c>.</summary>
public sealed class FileCommandTests : IDisposable
{
    private readonly CommandFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>A network whose norm has numbers of its own, in a file of a checkpoint.</summary>
    private StateDict WriteCheckpoint(string name)
    {
        var net = new Sequential { { "fc", new Linear(2, 3) }, { "bn", new BatchNorm1d(3) } };
        StateDict state = net.StateDict();
        state["bn.weight"] = Tensor.From([0.25f, 1f, 2f], [3]);
        state["bn.running_var"] = Tensor.From([0f, 4f, 70_000f], [3]);
        state["bn.num_batches_tracked"] = Tensor.From([1234L], []);
        var archive = new TensorArchive();
        archive.Add("state_dict.module.", state);
        archive.Metadata["epoch"] = "3";
        TensorFile.Write(_folder.PathOf(name), archive);
        return state;
    }

    [Fact]
    public void A_file_is_shown_with_its_layers_norms_and_texts()
    {
        WriteCheckpoint("net.safetensors");
        string shown = _folder.Run("inspect net.safetensors");
        Assert.StartsWith("net.safetensors (safetensors): 7 tensors, 22 numbers, 92 B (6 F32, 1 I64)\n", shown,
            StringComparison.Ordinal);
        Assert.Contains("epoch  3", shown, StringComparison.Ordinal);
        Assert.Matches("state_dict\\.module\\.fc +weight \\(3, 2\\), bias \\(3\\) +F32 +36 B", shown);
        Assert.Matches("state_dict\\.module\\.bn +batch norm \\(3\\) +F32 I64 +56 B", shown);
        Assert.Matches("state_dict\\.module\\.bn +0\\.25 … 2 +0 +0 +0 … 7E\\+04 +1,234", shown);
    }

    [Fact]
    public void The_same_as_JSON()
    {
        WriteCheckpoint("net.pt");
        JsonNode shown = JsonNode.Parse(_folder.Run("inspect net.pt --json"))!;
        Assert.Equal("PyTorch", (string)shown["format"]!);
        Assert.Equal(7, shown["tensors"]!.AsArray().Count);
        JsonNode norm = Assert.Single(shown["norms"]!.AsArray())!;
        Assert.Equal("state_dict.module.bn", (string)norm["name"]!);
        Assert.Equal(0.25, (double)norm["weight"]!["min"]!);
        Assert.Equal(70_000, (double)norm["runningVariance"]!["max"]!);
        Assert.Equal(1234, (long)norm["batches"]!);
    }

    [Theory]
    [InlineData("safetensors")]
    [InlineData("pt")]
    [InlineData("npz")]
    [InlineData("dat")]
    public void A_file_is_converted_with_other_names_and_back(string ending)
    {
        StateDict state = WriteCheckpoint("in.safetensors");
        string told = _folder.Run($"convert in.safetensors out.{ending} --prefix state_dict.module. --rename fc=head");
        Assert.StartsWith($"out.{ending} (", told, StringComparison.Ordinal);
        Assert.Contains("7 tensors", told, StringComparison.Ordinal);
        _folder.Run($"convert out.{ending} back.safetensors --rename head=fc");
        StateDict back = SafeTensors.Read(_folder.PathOf("back.safetensors")).StateDict();
        Assert.Equal(state.Keys, back.Keys);
        foreach ((string key, Tensor value) in state) Assert.True(value.Bytes().SequenceEqual(back[key].Bytes()), key);
    }

    [Fact]
    public void A_file_of_16_bits_keeps_running_statistics_and_is_half_as_large()
    {
        StateDict state = WriteCheckpoint("in.safetensors");
        _folder.Run("convert in.safetensors half.safetensors --dtype bf16");
        TensorArchive half = SafeTensors.Read(_folder.PathOf("half.safetensors"));
        Assert.Equal("BF16", half.TypeOf("state_dict.module.fc.weight"));
        Assert.Equal("F32", half.TypeOf("state_dict.module.bn.running_var"));
        Assert.Equal(70_000, half.Tensor("state_dict.module.bn.running_var").ToArray<float>()[2]);
        Assert.Equal(state["bn.weight"].ToArray<float>(), half.Tensor("state_dict.module.bn.weight").ToArray<float>());
        Assert.Equal("3", half.Metadata["epoch"]);
    }

    [Theory]
    [InlineData("convert in.safetensors out.txt", "expected OUT to end in .safetensors, .pt,")]
    [InlineData("convert in.safetensors in.safetensors", "\"in.safetensors\" is there already. Give another name, or")]
    [InlineData("convert in.safetensors out.pt --prefix modul.",
        "expected tensors whose names begin with \"modul.\", got none among 7; the first is")]
    [InlineData("convert in.safetensors out.pt --dtype int8", "--dtype: expected F64, F32, F16, BF16, got int8.")]
    [InlineData("convert in.safetensors out.pt --rename fc", "--rename: expected OLD=NEW, got fc.")]
    [InlineData("convert in.safetensors out.npy", "expected one tensor for an npy file, got 7.")]
    [InlineData("convert in.safetensors out.pt --prefix state_dict.module. --rename fc=bn",
        "expected a name of its own for \"state_dict.module.bn.weight\", got \"bn.weight\".")]
    [InlineData("convert in.safetensors out.pt --rename state_dict=__metadata__ --prefix x", "expected tensors whose")]
    [InlineData("inspect in.safetensors --norm batch", "for a network alone, got them for the file in.safetensors.")]
    public void Wrong_usage_ends_with_2_and_writes_nothing(string arguments, string expected)
    {
        WriteCheckpoint("in.safetensors");
        byte[] before = File.ReadAllBytes(_folder.PathOf("in.safetensors"));
        string error = _folder.Fail(2, arguments);
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(["in.safetensors"], Directory.GetFiles(_folder.Path).Select(Path.GetFileName));
        Assert.Equal(before, File.ReadAllBytes(_folder.PathOf("in.safetensors")));
    }

    [Fact]
    public void A_single_array_keeps_its_type_and_names_of_a_file_do_not_reach_the_terminal()
    {
        var archive = new TensorArchive();
        archive.Add(".a\u001b[31m", Tensor.From([1.5f, 2f], [2]));
        TensorFile.Write(_folder.PathOf("in.safetensors"), archive);
        _folder.Run("convert in.safetensors half.npy --dtype F16");
        string shown = _folder.Run("inspect half.npy");
        Assert.Contains("1 tensors, 2 numbers, 4 B (1 F16)", shown, StringComparison.Ordinal);
        shown = _folder.Run("inspect in.safetensors");
        Assert.DoesNotContain('\u001b', shown);
        Assert.Contains(".a?[31m (2)", shown, StringComparison.Ordinal);
    }

    [Fact]
    public void Running_statistics_of_16_bits_are_widened()
    {
        WriteCheckpoint("in.safetensors");
        TensorArchive archive = SafeTensors.Read(_folder.PathOf("in.safetensors"));
        const string Name = "state_dict.module.bn.running_mean";
        var narrow = new TensorArchive();
        narrow.Add(Name, new byte[] { 0x80, 0x3F, 0, 0x40, 0, 0xC0 }, "BF16", [3]);
        SafeTensors.Write(_folder.PathOf("bf16.safetensors"), narrow);
        _folder.Run("convert bf16.safetensors wide.npz --dtype F32");
        Assert.Equal([1f, 2f, -2f], Npz.Read(_folder.PathOf("wide.npz")).Tensor(Name).ToArray<float>());
        Assert.Equal("F32", archive.ConvertedTo(StoredType.F16).TypeOf(Name));
    }

    [Fact]
    public void Files_that_cannot_be_read_end_with_1_and_say_why()
    {
        Assert.Contains("expected a file \"no.pt\", found none.", _folder.Fail(1, "inspect no.pt"),
            StringComparison.Ordinal);
        _folder.Write("page.pt", "<!DOCTYPE html><html>404</html>");
        Assert.Contains("got a web page (HTML)", _folder.Fail(1, "inspect page.pt"), StringComparison.Ordinal);
        Assert.Contains("got a web page (HTML)", _folder.Fail(1, "convert page.pt out.safetensors"),
            StringComparison.Ordinal);
        File.Copy(Path.Combine(Repository.Root, "tests", "golden", "files", "pytorch", "namespace.pt"),
            _folder.PathOf("args.pt"));
        string error = _folder.Fail(1, "inspect args.pt");
        Assert.Contains("got argparse.Namespace at \"args\". Nothing was executed.", error, StringComparison.Ordinal);
        Assert.Contains("--skip-unknown", error, StringComparison.Ordinal);
        string shown = _folder.Run("inspect args.pt --skip-unknown");
        Assert.Contains("<argparse.Namespace>", shown, StringComparison.Ordinal);
    }
}
