using Evenkeel.Nn;
using Evenkeel.Random;

namespace Evenkeel.Lab.Experiments.Convnets;

/// <summary>
/// Lesson D's LeNet for images of (1, 28, 28): the linear layers, with what stands between them left open.
/// </summary>
internal static class LessonLeNet
{
    /// <summary>
    /// Builds the net with start values from the stream, as PyTorch draws them: every layer's default, then
    /// <c>xavier_uniform</c> over all weights again.
    /// </summary>
    /// <param name="random">Where start values come from.</param>
    /// <param name="close">Adds norm, activation and pooling after a layer of so many channels (spatial: a convolution)
    /// or features.</param>
    public static Sequential Create(IRandomStream random, Action<Sequential, int, bool> close)
    {
        var net = new Sequential { new Conv2d(1, 6, 5, padding: 2, random: random) };
        close(net, 6, true);
        net.Add(new Conv2d(6, 16, 5, random: random));
        close(net, 16, true);
        net.Add(new Flatten());
        net.Add(new Linear(400, 120, random: random));
        close(net, 120, false);
        net.Add(new Linear(120, 84, random: random));
        close(net, 84, false);
        net.Add(new Linear(84, 10, random: random));
        foreach (Module layer in net)
        {
            if (layer is Conv2d convolution) Init.XavierUniform.Fill(convolution.Weight.Value, random);
            if (layer is Linear linear) Init.XavierUniform.Fill(linear.Weight.Value, random);
        }

        return net;
    }
}
