"""Small videos with unusual clocks and orientations."""

from fractions import Fraction

import numpy as np


def write_video(path, times, turn=0, start=1.0, sound=False, size=(64, 32)):
    """Write frames that grow brighter, with a white spot at the upper left.

    Args:
        path: MP4 file.
        times: Seconds of the frames.
        turn: Degrees in its metadata, counterclockwise.
        start: Seconds that all times are later in the file.
        sound: Whether a tone begins half a second after the first frame.
        size: Width and height in pixels.
    """
    import av

    with av.open(str(path), 'w') as container:
        stream = container.add_stream('h264', rate=30)
        stream.width, stream.height = size
        stream.pix_fmt = 'yuv420p'
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.set_display_rotation(turn)
        voice = container.add_stream('aac', rate=8000) if sound else None
        for i, time in enumerate(times):
            image = np.full((*size[::-1], 3), 25 * i % 250, np.uint8)
            image[:16, :32] = 255
            frame = av.VideoFrame.from_ndarray(image, format='bgr24')
            frame.pts = round(1000 * (time + start))
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if voice is not None:
            at = np.arange(int(8000 * (start + times[-1])))
            tone = 0.5 * np.sin(at) * (at >= 8000 * (start + 0.5))
            block = av.AudioFrame.from_ndarray(
                tone[None].astype(np.float32), format='fltp', layout='mono'
            )
            block.sample_rate, block.pts = 8000, 0
            container.mux(voice.encode(block))
            container.mux(voice.encode())
    return path
