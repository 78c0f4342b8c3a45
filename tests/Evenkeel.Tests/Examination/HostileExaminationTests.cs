using Evenkeel.Examination;
using Evenkeel.Nn;
using Evenkeel.Onnx;
using Evenkeel.Random;
using Evenkeel.Serialization;
using Evenkeel.Tests.Onnx;
using Xunit;

namespace Evenkeel.Tests.Examination;

/// <summary>Damaged files: a finding, or an error that says what is wrong.</summary>
public sealed class HostileExaminationTests : IDisposable
{
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.safetensors");

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void A_file_that_ends_early_is_refused()
    {
        byte[] whole = Bytes(Patients.Archive(Patients.Make("dense")));
        foreach (int length in new[] { 1, 7, 8, 9, 60, whole.Length / 2, whole.Length - 1 })
        {
            File.WriteAllBytes(_path, whole[..length]);
            Assert.Throws<InvalidDataException>(() => Doctor.Examine(_path));
        }

        File.WriteAllBytes(_path, whole);
        Assert.Equal(3, Doctor.Examine(_path).Network.Norms.Count());
    }

    [Fact]
    public void Changed_bytes_of_a_file_of_tensors_do_not_crash_the_doctor()
    {
        byte[] whole = Bytes(Patients.Archive(Patients.Make("dense")));
        int header = 8 + (int)BitConverter.ToInt64(whole);
        var random = new Philox(1);
        int refused = 0;
        for (int i = 0; i < 400; i++)
        {
            byte[] bytes = [.. whole];
            for (int change = 0; change < 3; change++)
                bytes[(int)(random.NextDouble() * header)] = (byte)(random.NextDouble() * 256);
            File.WriteAllBytes(_path, bytes);
            try
            {
                Assert.NotNull(Doctor.Examine(_path).Verdict);
            }
            catch (InvalidDataException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 100, 400);
    }

    [Fact]
    public void Changed_bytes_of_a_graph_do_not_crash_the_doctor()
    {
        byte[] whole = PatientGraphs.Chain(2, OnnxGraph.Float("momentum", 0.9f)).ToBytes();
        var random = new Philox(2);
        int examined = 0;
        for (int i = 0; i < 1500; i++)
        {
            byte[] bytes = [.. whole];
            for (int change = 0; change < 2; change++)
                bytes[(int)(random.NextDouble() * bytes.Length)] = (byte)(random.NextDouble() * 256);
            try
            {
                Assert.NotNull(Doctor.Examine(OnnxModel.Read(new MemoryStream(bytes))).Verdict);
                examined++;
            }
            catch (InvalidDataException)
            {
                // The message of the reader.
            }
        }

        Assert.InRange(examined, 100, 1500);
    }

    [Fact]
    public void Strange_shapes_are_looked_at()
    {
        var archive = new TensorArchive();
        archive.Add("empty.weight", Tensor.Zeros([0]));
        archive.Add("empty.bias", Tensor.Zeros([0]));
        archive.Add("hollow.weight", Tensor.Zeros([4, 0, 3]));
        archive.Add("count.num_batches_tracked", Tensor.Zeros([3], DType.Int64));
        archive.Add("half.running_mean", Tensor.Zeros([3]));
        archive.Add("scalar", Tensor.Zeros([1]));
        archive.Add("bytes", [1, 2, 3]);
        archive.Add("strange.weight", [1, 2, 3], "F4", [6]);
        archive.Add("bias.weight", Tensor.Ones([4, 3]));
        archive.Add("bias.bias", Tensor.Ones([7]));
        Diagnosis diagnosis = Doctor.Examine(ExaminedNetwork.Of(archive), "strange");
        Finding finding = Assert.Single(diagnosis.Findings);
        Assert.Equal(("EK121", "bias"), (finding.Rule, finding.Layer));
    }

    [Fact]
    public void A_mask_of_infinities_is_no_finding_and_a_NaN_is()
    {
        var archive = new TensorArchive();
        Tensor mask = Tensor.Zeros([8, 8]);
        mask.AsSpan<float>()[3] = float.NegativeInfinity;
        archive.Add("attention.mask", mask);
        Assert.Empty(Doctor.Examine(ExaminedNetwork.Of(archive), "mask").Findings);
        mask.AsSpan<float>()[4] = float.NaN;
        Assert.Equal("EK101", Assert.Single(Doctor.Examine(ExaminedNetwork.Of(archive), "mask").Findings).Rule);
    }

    [Fact]
    public void Several_files_with_an_index_are_one_network()
    {
        Module model = Patients.Make("dense");
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            var map = new List<string>();
            int number = 0;
            foreach ((string key, Tensor tensor) in model.StateDict())
            {
                string file = $"part-{number++ % 3}.safetensors";
                string path = Path.Combine(folder, file);
                TensorArchive part = File.Exists(path) ? SafeTensors.Read(path) : new TensorArchive();
                part.Add(key, tensor);
                SafeTensors.Write(path, part);
                map.Add($"\"{key}\": \"{file}\"");
            }

            string index = Path.Combine(folder, "model.safetensors.index.json");
            File.WriteAllText(index, $"{{\"metadata\": {{}}, \"weight_map\": {{{string.Join(", ", map)}}}}}");
            ExaminedNetwork whole = ExaminedNetwork.Of(Patients.Archive(model)), parts = ExaminedNetwork.Read(index);
            Assert.Equal(
                whole.Layers.Select(static layer => layer.Name), parts.Layers.Select(static layer => layer.Name));
            Assert.Equal(whole.Linears.SelectMany(static one => one.FilterNorms),
                parts.Linears.SelectMany(static one => one.FilterNorms));
            File.Delete(Path.Combine(folder, "part-1.safetensors"));
            Assert.ThrowsAny<IOException>(() => ExaminedNetwork.Read(index));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static byte[] Bytes(TensorArchive archive)
    {
        using var stream = new MemoryStream();
        SafeTensors.Write(stream, archive);
        return stream.ToArray();
    }
}
