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
        archive.Add("mask", new byte[48], "C64", [2, 3]);
        string path = Written(archive);
        string message = Assert.Throws<ArgumentException>(() => new Linear(2, 3).Load(path)).Message;
        Assert.Contains("mask: unexpected, got C64 of shape (2, 3)", message, StringComparison.Ordinal);
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
        archive.Add("bias", new byte[24], "C64", [3]);
        string path = Written(archive);
        string message = Assert.Throws<ArgumentException>(() => new Linear(2, 3).Load(path)).Message;
        Assert.Contains("bias: expected numbers that a tensor holds, of shape (3), got C64 of shape (3)", message,
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
        StateDict state = SafeTensors.Read(path).StateDict();
        string message = Assert.Throws<ArgumentException>(() => layer.LoadStateDict(state)).Message;
        Assert.Contains($"pass prefix: \"{prefix}\" to take it off", message, StringComparison.Ordinal);
        Assert.DoesNotContain("strict: false", message, StringComparison.Ordinal);
        string report = layer.LoadStateDict(state, strict: false).ToString();
        Assert.Contains("0 of 2 keys loaded", report, StringComparison.Ordinal);
        Assert.Contains($"pass prefix: \"{prefix}\"", report, StringComparison.Ordinal);
        Assert.True(layer.LoadStateDict(state, prefix: prefix).IsComplete);
        Assert.Equal(archive.Tensor(prefix + "weight").ToArray<float>(), layer.Weight.Value.ToArray<float>());
        Assert.True(new Linear(2, 3).Load(path, prefix: prefix).IsComplete);
    }

    [Theory]
    [InlineData("module.")]
    [InlineData("state_dict.module.")]
    public void A_file_is_read_without_the_one_prefix_that_leads_to_the_model(string prefix)
    {
        TensorArchive archive = Weights(prefix);
        archive.Add("optimizer.state.0.exp_avg", Tensor.Zeros([3, 2]));
        var layer = new Linear(2, 3);
        LoadReport report = layer.Load(Written(archive));
        Assert.True(report.IsComplete);
        Assert.Equal(prefix, report.Prefix);
        Assert.Contains($"2 of 2 keys loaded from those that begin with \"{prefix}\"", report.ToString(),
            StringComparison.Ordinal);
        Assert.Equal(archive.Tensor(prefix + "weight").ToArray<float>(), layer.Weight.Value.ToArray<float>());
    }

    [Fact]
    public void The_prefix_is_found_where_parts_are_renamed_or_kept()
    {
        var there = new Sequential { { "conv", new Linear(2, 4) }, { "fc", new Linear(4, 3) } };
        TensorArchive archive = new();
        archive.Add("state_dict.module.", there.StateDict());
        string path = Written(archive);
        var model = new Sequential { { "conv", new Linear(2, 4) }, { "head", new Linear(4, 3) } };
        LoadReport report = model.Load(path,
            rename: new Dictionary<string, string>(StringComparer.Ordinal) { ["fc"] = "head" });
        Assert.Equal("state_dict.module.", report.Prefix);
        Assert.Equal(there.StateDict()["fc.bias"].ToArray<float>(), model.StateDict()["head.bias"].ToArray<float>());
        Assert.Equal("state_dict.module.", model.Load(path, strict: false, keep: ["head."]).Prefix);
        // The dot at the end of a prefix may be left out.
        Assert.True(there.Load(path, prefix: "state_dict.module").IsComplete);
    }

    [Fact]
    public void Of_two_models_none_is_taken_because_it_has_more_of_the_keys_that_files_may_lack()
    {
        var norm = new BatchNorm1d(3);
        TensorArchive archive = new();
        archive.Add("model.", norm.StateDict());
        StateDict averaged = norm.StateDict();
        averaged.Remove("num_batches_tracked");
        archive.Add("ema.", averaged);
        Assert.Contains("pass prefix: \"ema.\" or prefix: \"model.\"",
            Assert.Throws<ArgumentException>(() => norm.Load(Written(archive))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tensor_with_two_keys_is_kept_if_one_of_them_is()
    {
        var model = new TiedHead();
        float before = model.StateDict()["head.weight"].ToArray<float>()[0];
        StateDict state = model.StateDict();
        foreach (string key in state.Keys) state[key] = Tensor.Ones(state[key].Shape) * 7;
        LoadReport report = model.LoadStateDict(state, keep: ["head"]);
        Assert.Equal(["body.weight", "head.weight"], report.KeysWith(LoadStatus.Kept));
        Assert.Equal(before, model.StateDict()["body.weight"].ToArray<float>()[0]);
    }

    private sealed class TiedHead : Module
    {
        public TiedHead()
        {
            var body = new Linear(2, 2, bias: false);
            Register("body", body);
            Register("head", new Tied(body.Weight));
        }

        protected override Tensor ForwardCore(Tensor x) => x;

        private sealed class Tied : Module
        {
            public Tied(Parameter weight) => Register("weight", weight);

            protected override Tensor ForwardCore(Tensor x) => x;
        }
    }

    [Fact]
    public void A_file_of_two_models_is_not_read_without_a_prefix()
    {
        TensorArchive archive = Weights("model.");
        archive.Add("ema.", new Linear(2, 3).StateDict());
        string message = Assert.Throws<ArgumentException>(() => new Linear(2, 3).Load(Written(archive))).Message;
        Assert.Contains("pass prefix: \"ema.\" or prefix: \"model.\"", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Renamed_parts_load_under_the_models_names()
    {
        var there = new Sequential { { "features", new Linear(2, 4) }, { "fc", new Linear(4, 3) } };
        var model = new Sequential { { "features", new Linear(2, 4) }, { "head", new Linear(4, 3) } };
        StateDict state = there.StateDict();
        var rename = new Dictionary<string, string>(StringComparer.Ordinal) { ["fc"] = "head" };
        Assert.True(model.LoadStateDict(state, rename: rename).IsComplete);
        Assert.Equal(state["fc.bias"].ToArray<float>(), model.StateDict()["head.bias"].ToArray<float>());

        // A part that only begins alike is another one.
        state.Add("fcx.weight", Tensor.Zeros([1]));
        Assert.Equal(["fcx.weight"],
            model.LoadStateDict(state, strict: false, rename: rename).KeysWith(LoadStatus.Unexpected));
    }

    [Fact]
    public void The_longest_name_counts_and_an_empty_one_stands_for_nothing()
    {
        var net = new Sequential { new Linear(2, 4), new Linear(4, 3) };
        StateDict state = new Sequential { { "net", net } }.StateDict();
        var model = new Sequential { { "0", new Linear(2, 4) }, { "last", new Linear(4, 3) } };
        var rename = new Dictionary<string, string>(StringComparer.Ordinal) { ["net"] = "", ["net.1"] = "last" };
        Assert.True(model.LoadStateDict(state, rename: rename).IsComplete);
        Assert.Equal(state["net.1.bias"].ToArray<float>(), model.StateDict()["last.bias"].ToArray<float>());

        // And the other way round: an empty name gets one before all keys.
        var wrapped = new Sequential { { "net", new Linear(2, 3) } };
        Assert.True(wrapped.LoadStateDict(new Linear(2, 3).StateDict(),
            rename: new Dictionary<string, string>(StringComparer.Ordinal) { [""] = "net" }).IsComplete);
    }

    [Fact]
    public void Two_keys_do_not_become_one()
    {
        StateDict state = new Sequential { { "a", new Linear(2, 3) }, { "b", new Linear(2, 3) } }.StateDict();
        var rename = new Dictionary<string, string>(StringComparer.Ordinal) { ["a"] = "b" };
        string message = Assert.Throws<ArgumentException>(
            () => new Sequential { { "b", new Linear(2, 3) } }.LoadStateDict(state, rename: rename)).Message;
        Assert.Contains("expected one key for \"b.weight\", got \"a.weight\" and \"b.weight\"", message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_new_head_keeps_its_values_and_the_rest_is_loaded_strictly()
    {
        StateDict state = new Sequential { { "body", new Linear(2, 4) }, { "head", new Linear(4, 1000) } }.StateDict();
        var model = new Sequential { { "body", new Linear(2, 4) }, { "head", new Linear(4, 3) } };
        float[] before = model.StateDict()["head.weight"].ToArray<float>();
        LoadReport report = model.LoadStateDict(state, keep: ["head"]);
        Assert.True(report.IsComplete);
        Assert.Equal(["head.weight", "head.bias"], report.KeysWith(LoadStatus.Kept));
        Assert.Equal(before, model.StateDict()["head.weight"].ToArray<float>());
        Assert.Equal(state["body.weight"].ToArray<float>(), model.StateDict()["body.weight"].ToArray<float>());

        state.Remove("body.bias");
        Assert.Contains("body.bias: missing",
            Assert.Throws<ArgumentException>(() => model.LoadStateDict(state, keep: ["head"])).Message,
            StringComparison.Ordinal);
        Assert.Contains("got \"heat\". Did you mean head?",
            Assert.Throws<ArgumentException>(() => model.LoadStateDict(state, keep: ["heat"])).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_key_names_the_nearest_one_and_how_to_rename_it()
    {
        var there = new Sequential { { "body", new Linear(2, 4) }, { "classifier", new Linear(4, 3) } };
        StateDict state = there.StateDict();
        var model = new Sequential { { "body", new Linear(2, 4) }, { "fc", new Linear(4, 3) } };
        string message = Assert.Throws<ArgumentException>(() => model.LoadStateDict(state)).Message;
        Assert.Contains("fc.weight: missing, expected shape (3, 4); the nearest key there is classifier.weight",
            message, StringComparison.Ordinal);
        Assert.Contains("pass rename: new Dictionary<string, string> { [\"classifier\"] = \"fc\" }", message,
            StringComparison.Ordinal);
        Assert.DoesNotContain("nearest",
            Assert.Throws<ArgumentException>(() => model.LoadStateDict(new StateDict())).Message,
            StringComparison.Ordinal);
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
        archive.Add("model.mask", new byte[8], "C64", [1]);
        string message = Assert.Throws<ArgumentException>(() =>
            new Linear(2, 3).Load(Written(archive), prefix: "model.")).Message;
        Assert.Contains("mask: unexpected, got C64 of shape (1)", message, StringComparison.Ordinal);
        Assert.DoesNotContain("optimizer", message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_bytes_of_a_file_keep_the_name_of_a_key_in_errors()
    {
        TensorArchive archive = new();
        archive.Add("flags", new byte[16], "C128", [1]);
        string path = Written(archive);
        string message = Assert.Throws<InvalidDataException>(() => SafeTensors.Read(path).Tensor("flags")).Message;
        Assert.Contains(path, message, StringComparison.Ordinal);
        Assert.Contains("C128 of shape (1)", message, StringComparison.Ordinal);
    }
}
