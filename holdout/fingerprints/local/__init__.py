"""Local features: keypoints that survive crops, frames and collages (`keypoints/1`).

`take` finds them (OpenCV, in the sandbox's child alone), `signatures` makes them comparable, `keypoints`
says how they are written. Importing this package loads nothing.
"""
