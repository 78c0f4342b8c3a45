using Evenkeel.Nn;
using Evenkeel.Serialization;
using Xunit;

namespace Evenkeel.Tests.Serialization;

public sealed class ModuleFilesTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static Sequential Network(ulong seed)
    {
        var network = new Sequential(new Linear(4, 3, bias: false), new BatchNorm1d(3), new ReLU(), new Linear(3, 2));
        network.Initialize(Init.Default, seed);
        return network;
    }

    [Fact]
    public void A_model_comes_back_bit_for_bit()
    {
        Sequential first = Network(1), second = Network(2);
        var norm = (BatchNorm1d)first[1];
        norm.Running!.Mean.Value.Fill(0.3);
        norm.Running.NumBatchesTracked.Value.Fill(12);
        first.Save(_folder.File("model.safetensors"));
        Assert.True(second.Load(_folder.File("model.safetensors")).IsComplete);
        StateDict expected = first.StateDict();
        foreach ((string key, Tensor tensor) in second.StateDict())
            Assert.True(tensor.Bytes().SequenceEqual(expected[key].Bytes()), key);
        Assert.Equal(
            ["0.weight",
                "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked", "3.weight", "3.bias"],
            expected.Keys);
        Assert.Equal("pt", SafeTensors.Read(_folder.File("model.safetensors")).Metadata["format"]);

        var wide = Network(3);
        wide.To(DType.Float64);
        wide.Load(_folder.File("model.safetensors"));
        wide.To(DType.Float32);
        foreach ((string key, Tensor tensor) in wide.StateDict())
            Assert.True(tensor.Bytes().SequenceEqual(expected[key].Bytes()), key);
    }

    [Fact]
    public void A_flipped_byte_is_noticed_and_a_file_without_a_checksum_is_read()
    {
        string path = _folder.File("model.safetensors");
        Sequential network = Network(1);
        network.Save(path);
        byte[] bytes = File.ReadAllBytes(path);
        Assert.Contains("evenkeel.sha256", System.Text.Encoding.UTF8.GetString(bytes), StringComparison.Ordinal);
        // The checksum is the file's: an archive that is changed and written anew has none.
        TensorArchive archive = SafeTensors.Read(path);
        archive.Tensor("0.weight").Fill(2);
        SafeTensors.Write(_folder.File("plain.safetensors"), archive);
        Assert.True(Network(2).Load(_folder.File("plain.safetensors")).IsComplete);

        bytes[^1] ^= 0x40;
        File.WriteAllBytes(path, bytes);
        Exception damaged = Assert.Throws<InvalidDataException>(() => network.Load(path));
        Assert.Contains("The file is damaged; fetch or save it again", damaged.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_models_file_is_refused_or_reported()
    {
        new Linear(4, 3).Save(_folder.File("linear.safetensors"));
        Sequential network = Network(1);
        Assert.Contains(
            "weight: unexpected",
            Assert.Throws<ArgumentException>(() => network.Load(_folder.File("linear.safetensors"))).Message,
            StringComparison.Ordinal);
        Assert.Equal(["weight", "bias"],
            network.Load(_folder.File("linear.safetensors"), strict: false).KeysWith(LoadStatus.Unexpected));
    }
}
