using Evenkeel.Nn;
using TorchSharp;
using static TorchSharp.torch.nn;
using Module = Evenkeel.Nn.Module;
using Torch = TorchSharp.torch.Tensor;

namespace Evenkeel.Interop.Tests.Speed;

/// <summary>The layers that <see cref="SpeedCommand"/> times: each kind at sizes that networks have.</summary>
internal static class SpeedCases
{
    private static readonly int[] s_rows = [256, 1024], s_images = [32, 64, 28, 28];

    public static IEnumerable<SpeedCase> All =>
        [.. Activations(), .. Resizing(), .. Poolings(), .. Convolutions(), .. Norms()];

    private static IEnumerable<SpeedCase> Activations()
    {
        (string Name, Func<Module> Layer, Func<Module<Torch, Torch>> PyTorch)[] layers =
        [
            ("relu", static () => new ReLU(), static () => ReLU()),
            ("relu6", static () => new ReLU6(), static () => ReLU6()),
            ("leaky-relu", static () => new LeakyReLU(), static () => LeakyReLU(0.01)),
            ("sigmoid", static () => new Sigmoid(), static () => Sigmoid()),
            ("tanh", static () => new Tanh(), static () => Tanh()),
            ("silu", static () => new SiLU(), static () => SiLU()),
            ("gelu", static () => new GELU(), static () => GELU()),
            ("hardswish", static () => new Hardswish(), static () => Hardswish()),
            ("mish", static () => new Mish(), static () => Mish()),
            ("elu", static () => new ELU(), static () => ELU()),
            ("softplus", static () => new Softplus(), static () => Softplus()),
        ];
        foreach ((string name, Func<Module> layer, Func<Module<Torch, Torch>> pytorch) in layers)
        {
            foreach (int[] shape in (int[][])[s_rows, s_images])
                yield return new SpeedCase($"{name} {Text(shape)}", shape, layer, pytorch);
        }

        yield return new SpeedCase($"glu {Text(s_images)}", s_images, static () => new GLU(1), static () => GLU(1));
    }

    private static IEnumerable<SpeedCase> Resizing()
    {
        foreach (int[] shape in (int[][])[[16, 256, 14, 14], [16, 64, 28, 28], [16, 64, 56, 56]])
        {
            yield return new SpeedCase($"bilinear x2 {Text(shape)}", shape,
                static () => new Evenkeel.Nn.Upsample(scaleFactor: 2, mode: Evenkeel.UpsampleMode.Bilinear),
                static () => BilinearUpsample([2, 2]));
        }

        int[] large = [16, 64, 56, 56], middle = [16, 64, 28, 28];
        yield return new SpeedCase($"bilinear x0.5 {Text(large)}", large,
            static () => new Evenkeel.Nn.Upsample(scaleFactor: 0.5, mode: Evenkeel.UpsampleMode.Bilinear),
            static () => BilinearUpsample([0.5, 0.5]));
        yield return new SpeedCase($"nearest x2 {Text(middle)}", middle,
            static () => new Evenkeel.Nn.Upsample(scaleFactor: 2, mode: Evenkeel.UpsampleMode.Nearest),
            static () => torch.nn.Upsample(scale_factor: [2, 2], mode: torch.UpsampleMode.Nearest));
        yield return new SpeedCase($"pixelshuffle 2 {Text(middle)}", middle,
            static () => new Evenkeel.Nn.PixelShuffle(2), static () => torch.nn.PixelShuffle(2));
        yield return new SpeedCase($"zeropad 1 {Text(middle)}", middle,
            static () => new Evenkeel.Nn.ZeroPad2d(1), static () => torch.nn.ZeroPad2d(1));
    }

    private static Module<Torch, Torch> BilinearUpsample(double[] scales) => torch.nn.Upsample(
        scale_factor: scales, mode: torch.UpsampleMode.Bilinear, align_corners: false);

    private static IEnumerable<SpeedCase> Poolings()
    {
        (int[] Input, int Kernel, int Stride, int Padding)[] windows =
        [
            ([32, 64, 112, 112], 3, 2, 1), ([32, 64, 56, 56], 3, 2, 1), ([16, 256, 28, 28], 3, 1, 1),
            ([256, 6, 28, 28], 2, 2, 0), ([16, 64, 56, 56], 2, 2, 0),
            ([4, 32, 16, 56, 56], 3, 2, 1), ([8, 64, 8, 28, 28], 2, 2, 0),
        ];
        foreach ((int[] input, int kernel, int stride, int padding) in windows)
        {
            bool isVolume = input.Length == 5;
            string text = $"{Text(input)}-k{kernel}s{stride}p{padding}", rank = isVolume ? "3d" : "2d";
            yield return new SpeedCase($"maxpool{rank} {text}", input,
                () => isVolume ? new Evenkeel.Nn.MaxPool3d(kernel, stride, padding)
                    : new Evenkeel.Nn.MaxPool2d(kernel, stride, padding),
                () => isVolume ? torch.nn.MaxPool3d(kernel, stride, padding)
                    : torch.nn.MaxPool2d(kernel, stride, padding));
            yield return new SpeedCase($"avgpool{rank} {text}", input,
                () => isVolume ? new Evenkeel.Nn.AvgPool3d(kernel, stride, padding)
                    : new Evenkeel.Nn.AvgPool2d(kernel, stride, padding),
                () => isVolume ? torch.nn.AvgPool3d([kernel, kernel, kernel], [stride, stride, stride],
                        [padding, padding, padding])
                    : torch.nn.AvgPool2d(kernel, stride, padding));
        }

        (int[] Input, int Size)[] adaptive = [([64, 512, 7, 7], 1), ([64, 256, 13, 13], 6), ([16, 256, 28, 28], 7)];
        foreach ((int[] input, int size) in adaptive)
        {
            yield return new SpeedCase($"adaptive-avgpool2d {Text(input)}-{size}", input,
                () => new Evenkeel.Nn.AdaptiveAvgPool2d(size), () => torch.nn.AdaptiveAvgPool2d(size));
            yield return new SpeedCase($"adaptive-maxpool2d {Text(input)}-{size}", input,
                () => new Evenkeel.Nn.AdaptiveMaxPool2d(size), () => torch.nn.AdaptiveMaxPool2d([size, size]));
        }
    }

    private static IEnumerable<SpeedCase> Convolutions()
    {
        (int[] Input, int Out, int Kernel, int Stride, int Padding, int Groups)[] convolutions =
        [
            ([256, 1, 28, 28], 6, 5, 1, 2, 1), ([256, 6, 14, 14], 16, 5, 1, 0, 1), ([32, 3, 32, 32], 32, 3, 1, 1, 1),
            ([32, 64, 56, 56], 64, 3, 1, 1, 1), ([16, 128, 28, 28], 128, 3, 1, 1, 1),
            ([16, 512, 7, 7], 512, 3, 1, 1, 1), ([8, 3, 224, 224], 64, 7, 2, 3, 1),
            ([16, 64, 56, 56], 128, 3, 2, 1, 1), ([16, 64, 28, 28], 64, 1, 1, 0, 1),
            ([16, 64, 28, 28], 128, 1, 1, 0, 1), ([16, 96, 14, 14], 64, 1, 1, 0, 1),
            ([16, 512, 7, 7], 512, 1, 1, 0, 1), ([16, 64, 56, 56], 128, 1, 2, 0, 1),
            ([16, 64, 28, 28], 64, 3, 1, 1, 64), ([8, 24, 40, 40], 24, 5, 1, 2, 24),
            ([16, 96, 56, 56], 96, 3, 2, 1, 96),
            ([16, 64, 28, 28], 64, 3, 1, 1, 8),
            ([4, 16, 16, 32, 32], 32, 3, 1, 1, 1), ([4, 32, 8, 28, 28], 64, 3, 2, 1, 1),
            ([2, 16, 8, 28, 28], 16, 3, 1, 1, 16), ([8, 1, 16, 32, 32], 8, 3, 1, 1, 1),
        ];
        foreach ((int[] input, int outs, int kernel, int stride, int padding, int groups) in convolutions)
        {
            bool isVolume = input.Length == 5;
            string text = $"conv{(isVolume ? "3d" : "2d")} {Text(input)}-{outs}k{kernel}s{stride}p{padding}"
                + (groups == 1 ? "" : $"g{groups}");
            yield return new SpeedCase(text, input,
                () => isVolume
                    ? new Evenkeel.Nn.Conv3d(input[1], outs, kernel, stride, padding, groups: groups)
                    : new Evenkeel.Nn.Conv2d(input[1], outs, kernel, stride, padding, groups: groups),
                () => isVolume
                    ? torch.nn.Conv3d(input[1], outs, kernel, stride, padding, groups: groups)
                    : torch.nn.Conv2d(input[1], outs, kernel, stride, padding, groups: groups));
        }

        (int[] Input, int Out, int Kernel, int Stride, int Padding)[] transposed =
        [
            ([32, 64, 16, 16], 32, 4, 2, 1), ([16, 128, 14, 14], 64, 2, 2, 0), ([32, 16, 28, 28], 16, 3, 1, 1),
            ([64, 100, 1, 1], 256, 4, 1, 0), ([32, 32, 32, 32], 3, 4, 2, 1), ([2, 32, 8, 14, 14], 16, 4, 2, 1),
        ];
        foreach ((int[] input, int outs, int kernel, int stride, int padding) in transposed)
        {
            bool isVolume = input.Length == 5;
            yield return new SpeedCase(
                $"convtranspose{(isVolume ? "3d" : "2d")} {Text(input)}-{outs}k{kernel}s{stride}p{padding}", input,
                () => isVolume
                    ? new Evenkeel.Nn.ConvTranspose3d(input[1], outs, kernel, stride, padding)
                    : new Evenkeel.Nn.ConvTranspose2d(input[1], outs, kernel, stride, padding),
                () => isVolume
                    ? torch.nn.ConvTranspose3d(input[1], outs, kernel, stride, padding)
                    : torch.nn.ConvTranspose2d(input[1], outs, kernel, stride, padding));
        }
    }

    private static IEnumerable<SpeedCase> Norms()
    {
        foreach (int[] shape in (int[][])[[32, 64, 56, 56], [16, 256, 14, 14], [64, 512, 7, 7]])
        {
            yield return new SpeedCase($"batchnorm2d {Text(shape)}", shape,
                () => new Evenkeel.Nn.BatchNorm2d(shape[1]), () => torch.nn.BatchNorm2d(shape[1]));
            yield return new SpeedCase($"groupnorm8 {Text(shape)}", shape,
                () => new Evenkeel.Nn.GroupNorm(8, shape[1]), () => torch.nn.GroupNorm(8, shape[1]));
            yield return new SpeedCase($"instancenorm2d {Text(shape)}", shape,
                () => new Evenkeel.Nn.InstanceNorm2d(shape[1], affine: true),
                () => torch.nn.InstanceNorm2d(shape[1], affine: true));
        }

        foreach (int[] shape in (int[][])[[512, 768], [4096, 1024]])
        {
            yield return new SpeedCase($"layernorm {Text(shape)}", shape,
                () => new Evenkeel.Nn.LayerNorm(shape[1]), () => torch.nn.LayerNorm(shape[1]));
        }

        foreach (int[] shape in (int[][])[[32, 512], [256, 1024]])
        {
            yield return new SpeedCase($"linear {Text(shape)}-1024", shape,
                () => new Evenkeel.Nn.Linear(shape[1], 1024), () => torch.nn.Linear(shape[1], 1024));
        }
    }

    private static string Text(int[] shape) => string.Join('x', shape);
}
