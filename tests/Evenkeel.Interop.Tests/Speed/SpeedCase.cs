using Evenkeel.Nn;
using TorchSharp;
using Torch = TorchSharp.torch.Tensor;

namespace Evenkeel.Interop.Tests.Speed;

/// <summary>A layer on both sides, and the input that it is timed on.</summary>
/// <param name="Name">The layer and its shapes, as the report shows them.</param>
/// <param name="Input">The shape of the input; float32.</param>
/// <param name="Layer">The library's layer.</param>
/// <param name="PyTorch">PyTorch's layer, with parameters of its own.</param>
internal sealed record SpeedCase(
    string Name, int[] Input, Func<Module> Layer, Func<torch.nn.Module<Torch, Torch>> PyTorch)
{
    /// <summary>One call of the library's side: forward alone, or with all gradients.</summary>
    public Action Ours(bool isBackward)
    {
        var random = new Evenkeel.Random.Philox(0);
        Module layer = Layer();
        var x = new Parameter(Tensor.RandomNormal(new Shape(Input), random));
        var tape = new Tape(Mode.Train, recordGradients: isBackward);
        Tensor cotangent = Tensor.RandomNormal(layer.Forward(x.Value).Shape, random);
        if (!isBackward)
        {
            return () =>
            {
                tape.Reset();
                layer.Forward(tape.Watch(x));
            };
        }

        return () =>
        {
            tape.Reset();
            layer.Forward(tape.Watch(x)).Backward(cotangent);
            x.ZeroGrad();
            layer.ZeroGrad();
        };
    }

    /// <summary>One call of PyTorch's side in one of its two layouts.</summary>
    public Action Theirs(bool isBackward, bool isChannelsLast)
    {
        torch.nn.Module<Torch, Torch> layer = PyTorch();
        long[] shape = [.. Input.Select(static size => (long)size)];
        Torch x = Laid(torch.randn(shape), isChannelsLast);
        if (!isBackward)
        {
            return () =>
            {
                using IDisposable off = torch.no_grad(), scope = torch.NewDisposeScope();
                layer.forward(x);
            };
        }

        x.requires_grad_();
        Torch cotangent;
        using (torch.no_grad()) cotangent = Laid(torch.randn_like(layer.forward(x)), isChannelsLast);
        return () =>
        {
            using IDisposable scope = torch.NewDisposeScope();
            layer.forward(x).backward([cotangent]);
            x.grad = null;
            foreach (TorchSharp.Modules.Parameter parameter in layer.parameters()) parameter.grad = null;
        };
    }

    private static Torch Laid(Torch x, bool isChannelsLast)
    {
        if (!isChannelsLast) return x;
        bool isVolume = x.dim() == 5;
        long[] last = isVolume ? [0, 2, 3, 4, 1] : [0, 2, 3, 1], first = isVolume ? [0, 4, 1, 2, 3] : [0, 3, 1, 2];
        return x.permute(last).contiguous().permute(first);
    }
}
