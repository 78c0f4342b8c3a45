using TorchSharp;

namespace Evenkeel.Interop.Tests;

/// <summary>
/// Files that libtorch writes (C++'s torch::save): archives of TorchScript. PyTorchFileTests reads them; those that
/// Python writes are in tests/golden/generate_pytorch_files.py.
/// </summary>
internal static class TensorFiles
{
    /// <summary>Writes the files into files/pytorch of a folder.</summary>
    public static void Write(string folder)
    {
        folder = Directory.CreateDirectory(Path.Combine(folder, "files", "pytorch")).FullName;
        using torch.Tensor ramp = torch.arange(6, torch.float32).reshape(2, 3);
        ramp.t().save(Path.Combine(folder, "libtorch.pt"));
        ramp.to(torch.bfloat16).save(Path.Combine(folder, "libtorch-bfloat16.pt"));
    }
}
