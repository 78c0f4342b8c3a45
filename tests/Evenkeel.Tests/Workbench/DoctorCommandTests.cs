using System.Text.Json.Nodes;
using Evenkeel.Nn;
using Evenkeel.Onnx;
using Evenkeel.Random;
using Evenkeel.Serialization;
using Xunit;

namespace Evenkeel.Tests.Workbench;

/// <summary>The command <c>evenkeel doctor</c> on files that the tests write.</summary>
public sealed class DoctorCommandTests : IDisposable
{
    private readonly CommandFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_healthy_file_ends_with_0_and_an_ill_one_with_1()
    {
        WriteHealthy("healthy.safetensors");
        WriteUntrained("ill.safetensors");
        Assert.Contains("healthy.safetensors (safetensors): healthy", _folder.Run("doctor healthy.safetensors"),
            StringComparison.Ordinal);
        using var doctor = _folder.Start("doctor", "ill.safetensors");
        Assert.Equal(1, doctor.Wait());
        Assert.Contains("EK103 never updated", doctor.Output, StringComparison.Ordinal);
        Assert.Contains("not checked: no data: EK201-EK214", doctor.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Rules_can_be_left_out_and_the_level_that_fails_set()
    {
        WriteUntrained("ill.safetensors");
        Assert.DoesNotContain("EK103", _folder.Run("doctor ill.safetensors --disable EK103,EK104"),
            StringComparison.Ordinal);
        Assert.DoesNotContain("EK103 never", _folder.Run(
            "doctor ill.safetensors --disable ek104 --allow EK103=1"), StringComparison.Ordinal);
        WriteHealthy("healthy.safetensors");
        _folder.Run("doctor healthy.safetensors --fail-on error --target fp16 --batch-size 32 --bound EK107=0.001");
    }

    [Fact]
    public void Json_Sarif_and_page_are_written_whole()
    {
        WriteUntrained("ill.safetensors");
        using var doctor = _folder.Start("doctor", "ill.safetensors", "--json", "--sarif", "ill.sarif", "--page",
            "ill.html");
        Assert.Equal(1, doctor.Wait());
        JsonNode json = JsonNode.Parse(doctor.Output)!;
        Assert.Equal("ill.safetensors", (string?)json["file"]);
        Assert.StartsWith("ill: ", (string?)json["verdict"], StringComparison.Ordinal);
        Assert.Contains(json["findings"]!.AsArray(), static finding => (string?)finding!["rule"] == "EK103"
            && (string?)finding["layer"] == "1");
        JsonNode sarif = JsonNode.Parse(File.ReadAllText(_folder.PathOf("ill.sarif")))!;
        Assert.Equal(json["findings"]!.AsArray().Count, sarif["runs"]![0]!["results"]!.AsArray().Count);
        Assert.Contains("<li class=\"layer norm is-error\"", File.ReadAllText(_folder.PathOf("ill.html")),
            StringComparison.Ordinal);
    }

    [Fact]
    public void An_onnx_file_is_examined_on_an_array_and_repaired()
    {
        Sequential model = Trained();
        // The statistics are those of other filters: no preparation of the inputs explains that.
        Span<float> filters = ((Conv2d)model[0]).Weight.Value.AsSpan<float>();
        for (int i = 0; i < filters.Length; i++) filters[i] *= 1 + i / 27;
        Npy.Write(_folder.PathOf("x.npy"), Tensor.RandomNormal([64, 3, 8, 8], new Philox(9)));
        model.ExportOnnx(_folder.PathOf("net.onnx"), [1, 3, 8, 8]);
        using var doctor = _folder.Start("doctor", "net.onnx", "--data", "x.npy", "--json", "--fix", "fixed.onnx");
        Assert.Equal(1, doctor.Wait());
        JsonNode json = JsonNode.Parse(doctor.Output)!;
        Assert.Equal("ONNX", (string?)json["format"]);
        Assert.Contains(json["findings"]!.AsArray(), static finding => (string?)finding!["rule"] == "EK201");
        Assert.Contains(json["layers"]!.AsArray(), static layer => layer!["drift"] is not null);
        Assert.DoesNotContain(json["notChecked"]!.AsArray(), static rule => (string?)rule!["rule"] == "EK201");
        Assert.Contains(json["repairs"]!.AsArray(), static repair => (string?)repair!["name"] == "recalibrate"
            && (bool)repair["done"]!);
        Assert.DoesNotContain("EK201", _folder.Run("doctor fixed.onnx --data x.npy"), StringComparison.Ordinal);
    }

    [Fact]
    public void Folders_are_no_answers_of_a_network_that_does_not_name_its_outputs()
    {
        DrawnData.Pets(_folder.PathOf("photos"), perClass: 24, seed: 1);
        Directory.Move(_folder.PathOf("photos/cat"), _folder.PathOf("photos/1"));
        Directory.Move(_folder.PathOf("photos/dog"), _folder.PathOf("photos/3"));
        new Sequential([.. Trained().Take(4)]).ExportOnnx(_folder.PathOf("features.onnx"), [1, 3, 8, 8]);
        using var doctor = _folder.Start(
            "doctor", "features.onnx", "--data", "photos", "--mean", "0", "--std", "1");
        Assert.InRange(doctor.Wait(), 0, 1);
        string all = doctor.Output + doctor.Error;
        Assert.Contains("accuracy is not measured: the file does not name its 8 outputs", all,
            StringComparison.Ordinal);
        Assert.DoesNotContain("EK214 batch size", all, StringComparison.Ordinal);
        Assert.Contains("no labels: EK202", all, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_is_examined_on_its_data()
    {
        DrawnData.Pets(_folder.PathOf("photos"), perClass: 24, seed: 1);
        _folder.Run("train --data photos --name pets --model lenet --norm batch --epochs 3");
        using var doctor = _folder.Start(
            "doctor", "runs/pets", "--data", "photos", "--batch-size", "16", "--page", "pets.html");
        Assert.InRange(doctor.Wait(), 0, 1);
        Assert.Contains("runs/pets (network): ", doctor.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("no data", doctor.Output, StringComparison.Ordinal);
        Assert.Contains("drift/sd", File.ReadAllText(_folder.PathOf("pets.html")), StringComparison.Ordinal);
        // The file of a run has its layers: their order is known.
        using var file = _folder.Start("doctor", "runs/pets/model.safetensors");
        Assert.InRange(file.Wait(), 0, 1);
        Assert.Contains("(network): ", file.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_rule_is_explained()
    {
        string page = _folder.Run("doctor --explain ek107");
        Assert.Equal(Repository.Text("docs", "doctor", "EK107.md"), page);
    }

    [Theory]
    [InlineData(2, "doctor", "expected FILE, got none.")]
    [InlineData(2, "doctor a.safetensors --disable EK1144", "Did you mean EK114?")]
    [InlineData(2, "doctor a.safetensors --bound EK108", "--bound: expected EK108=0.02, got EK108.")]
    [InlineData(2, "doctor a.safetensors --bound EK101=1", "--bound: expected a rule with a bound, got EK101")]
    [InlineData(2, "doctor a.safetensors --bound EK108=-1", "--bound: expected a number from 0 on for EK108, got -1.")]
    [InlineData(2, "doctor a.safetensors --fail-on bad", "--fail-on: expected error, warning or note, got bad.")]
    [InlineData(2, "doctor a.safetensors --target int8", "--target: expected fp16, got int8.")]
    [InlineData(2, "doctor a.safetensors --fix a.pt", "expected OUT to end in .onnx or .safetensors")]
    [InlineData(2, "doctor a.safetensors --other-data x", "expected --data beside --other-data, got none.")]
    [InlineData(2, "doctor --explain EK9999", "--explain: expected the id of a rule, as EK107, got EK9999.")]
    [InlineData(2, "doctor layers.json", "which describes layers alone")]
    [InlineData(3, "doctor missing.safetensors", "found none")]
    [InlineData(3, "doctor torn.safetensors", "torn.safetensors")]
    [InlineData(3, "doctor torn.onnx", "torn.onnx")]
    [InlineData(2, "doctor empty", "which is a folder without run.json")]
    public void What_is_wrong_is_one_line_and_a_code(int code, string arguments, string expected)
    {
        File.WriteAllBytes(_folder.PathOf("torn.safetensors"), [9, 0, 0, 0, 0, 0, 0, 0, (byte)'{']);
        File.WriteAllBytes(_folder.PathOf("torn.onnx"), [8, 7, 58, 200]);
        _folder.Write("layers.json", new FullyConnected(4, [3], 2).ToJson());
        Directory.CreateDirectory(_folder.PathOf("empty"));
        string error = _folder.Fail(code, arguments);
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public void Data_that_do_not_fit_are_told_before_anything_runs()
    {
        Trained().ExportOnnx(_folder.PathOf("net.onnx"), [1, 3, 8, 8]);
        Npy.Write(_folder.PathOf("x.npy"), Tensor.Zeros([4, 5, 8, 8]));
        string error = _folder.Fail(2, "doctor net.onnx --data x.npy --page out.html --fix fixed.onnx");
        Assert.Contains("does not take samples of shape (5, 8, 8)", error, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder.PathOf("out.html")));
        Assert.False(File.Exists(_folder.PathOf("fixed.onnx")));
    }

    private void WriteHealthy(string name) => Trained().Save(_folder.PathOf(name));

    /// <summary>A network whose statistics are those of the start.</summary>
    private void WriteUntrained(string name) => Net().Save(_folder.PathOf(name));

    private static Sequential Net()
    {
        var model = new Sequential(
            new Conv2d(3, 8, 3, padding: 1, bias: false), new BatchNorm2d(8), new ReLU(),
            new AdaptiveAvgPool2d(1), new Flatten(), new Linear(8, 2));
        model.Initialize(Init.KaimingNormal, seed: 1);
        return model;
    }

    private static Sequential Trained()
    {
        Sequential model = Net();
        var tape = new Tape(Mode.Train);
        for (ulong i = 0; i < 100; i++)
        {
            model.Forward(tape.Input(Tensor.RandomNormal([16, 3, 8, 8], new Philox(i))));
            tape.Reset();
        }

        return model;
    }
}
