using Evenkeel.Nn;
using Evenkeel.Random;

namespace Evenkeel.Cli.Bench;

/// <summary>
/// MobileNetV3-Small for pictures of 224 by 224: narrow blocks with depthwise convolutions, squeeze-and-excitation and
/// hard-swish. Source: Howard et al., "Searching for MobileNetV3", 2019, table 2.
/// </summary>
internal sealed class MobileNet : Module
{
    private readonly Sequential _layers = [];

    public MobileNet(IRandomStream random)
    {
        _layers.Add(Convolution(3, 16, 3, 2, 1, new Hardswish(), random));
        (int Kernel, int Wide, int Out, bool Squeezes, bool IsSmooth, int Stride)[] blocks =
        [
            (3, 16, 16, true, false, 2), (3, 72, 24, false, false, 2), (3, 88, 24, false, false, 1),
            (5, 96, 40, true, true, 2), (5, 240, 40, true, true, 1), (5, 240, 40, true, true, 1),
            (5, 120, 48, true, true, 1), (5, 144, 48, true, true, 1), (5, 288, 96, true, true, 2),
            (5, 576, 96, true, true, 1), (5, 576, 96, true, true, 1),
        ];
        int channels = 16;
        foreach ((int kernel, int wide, int outChannels, bool squeezes, bool isSmooth, int stride) in blocks)
        {
            Module Act() => isSmooth ? new Hardswish() : new ReLU();
            var block = new Sequential();
            if (wide != channels) block.Add(Convolution(channels, wide, 1, 1, 1, Act(), random));
            block.Add(Convolution(wide, wide, kernel, stride, wide, Act(), random));
            if (squeezes) block.Add(new Excitation(wide, random));
            block.Add(Convolution(wide, outChannels, 1, 1, 1, new Identity(), random));
            _layers.Add(new Block(block, adds: stride == 1 && channels == outChannels));
            channels = outChannels;
        }

        _layers.Add(Convolution(96, 576, 1, 1, 1, new Hardswish(), random));
        _layers.Add(new AdaptiveAvgPool2d(1));
        _layers.Add(new Flatten());
        _layers.Add(new Linear(576, 1024, random: random));
        _layers.Add(new Hardswish());
        _layers.Add(new Linear(1024, 1000, random: random));
        Register("layers", _layers);
    }

    protected override Tensor ForwardCore(Tensor x) => _layers.Forward(x);

    private static Sequential Convolution(
        int channels, int outChannels, int kernel, int stride, int groups, Module activation, IRandomStream random) =>
        new(new Conv2d(channels, outChannels, kernel, stride, kernel / 2, groups: groups, bias: false, random: random),
            new BatchNorm2d(outChannels, eps: 1e-3), activation);

    /// <summary>Adds its input where the sizes allow it.</summary>
    private sealed class Block : Module
    {
        private readonly Sequential _layers;
        private readonly bool _adds;

        public Block(Sequential layers, bool adds) => (_layers, _adds) = (Register("layers", layers), adds);

        protected override Tensor ForwardCore(Tensor x) => _adds ? x + _layers.Forward(x) : _layers.Forward(x);
    }

    /// <summary>Weighs each channel by a number that follows from all of them.</summary>
    private sealed class Excitation : Module
    {
        private readonly Sequential _weights;

        public Excitation(int channels, IRandomStream random)
        {
            // A quarter, rounded to a multiple of 8.
            int few = Math.Max(8, ((channels / 4) + 4) / 8 * 8);
            _weights = Register("weights", new Sequential(
                new AdaptiveAvgPool2d(1), new Conv2d(channels, few, 1, random: random), new ReLU(),
                new Conv2d(few, channels, 1, random: random), new Hardsigmoid()));
        }

        protected override Tensor ForwardCore(Tensor x) => x * _weights.Forward(x);
    }
}
